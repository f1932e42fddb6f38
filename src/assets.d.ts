/** Files that the bundler embeds: the import is a path that `node:fs` can read. */
declare module "*.wasm" {
  const path: string;
  export default path;
}
