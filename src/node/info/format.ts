/** `1.50M` for bytes, as INFO's `_human` fields have it (bytesToHuman in Redis's server.c). */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let value = bytes;
  for (const unit of ["K", "M", "G", "T", "P"]) {
    value /= 1024;
    if (value < 1024 || unit === "P") return `${value.toFixed(2)}${unit}`;
  }
  return `${bytes}B`;
}

/** A share in per cent with two places: `12.34%`. */
export function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (part / whole) * 100).toFixed(2)}%`;
}

export function ratio(part: number, whole: number): string {
  return (whole === 0 ? 0 : part / whole).toFixed(2);
}

/** Names in INFO's commandstats and errorstats: characters that would break its lines become `_`. */
export function safeName(name: string): string {
  return name.replace(/[#:\n\r]/g, "_");
}
