/** Files that the bundler embeds: the import is a path that `node:fs` can read. */
declare module "*.wasm" {
  const path: string;
  // biome-ignore lint/style/noDefaultExport: this is how the bundler hands the path out.
  export default path;
}
