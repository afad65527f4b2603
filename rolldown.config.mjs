// What the package ships: the program in a few files instead of seven hundred, most of which the start of a
// process would otherwise have to find and read. One chunk for what each command loads, not minified, with maps
// to the sources. ssh2 stays outside: it looks for a file beside its own.
const config = {
  input: { cli: 'src/cli.ts' },
  platform: 'node',
  external: ['ssh2'],
  output: {
    dir: 'dist/bin',
    cleanDir: true,
    format: 'esm',
    sourcemap: true,
    minify: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js'
  }
}
export { config as default }
