/** Where the C library may be found: glibc, then musl on both architectures. */
export const systemLibraries = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
] as const;
