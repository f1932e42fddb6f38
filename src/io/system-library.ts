import { dlopen, type FFIFunction } from "bun:ffi";

/** Where the C library may be found: glibc, then musl on both architectures. */
const systemLibraries = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"] as const;

/** Functions of the C library; undefined where they cannot be had. */
export function systemFunctions<Functions extends Record<string, FFIFunction>>(
  functions: Functions,
) {
  for (const library of systemLibraries) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // The next library may be the one.
    }
  }
  return undefined;
}
