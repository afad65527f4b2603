// What the package ships: the program in a few files instead of seven hundred, most of which the start of a
// process would otherwise have to find and read. One chunk for what each command loads, without comments and
// indentation but with its names and with maps to the sources. The zod that is handed to probes of the reviewer's own
// stays outside: to keep everything that it can do would keep all of it in the start of every command.
const config = {
  // The rehearsal of a boot runs in a process of its own.
  input: { cli: 'src/cli/main.ts', rehearsal: 'src/rehearsal/child.ts' },
  platform: 'node',
  // A part of ssh2 asks for its folder, and then does not look there: what it would load is in it.
  transform: { define: { __dirname: '""' } },
  external: (id, importer) => id === 'zod' && importer?.endsWith('/src/config/whole-zod.ts') === true,
  plugins: [
    {
      // ssh2 tries for native code and does without: no file of that name, wherever it comes to lie, is to be loaded.
      name: 'nothing native',
      resolveId: id => (/\.node$|^cpu-features$/.test(id) ? { id: 'node:none', external: true } : null)
    },
    {
      // Of the interpreter of shell programs, what a rehearsal has no use for: it is never loaded.
      name: 'no databases, networks and other languages in a rehearsal',
      resolveId: (id, importer) =>
        /^(?:sql\.js|quickjs-emscripten|turndown|seek-bzip|node-liblzma|@mongodb-js\/zstd)(?:\/|$)/.test(id) &&
        importer?.includes('/just-bash/')
          ? { id: 'node:none', external: true }
          : null
    }
  ],
  output: {
    dir: 'dist/bin',
    cleanDir: true,
    // What every start loads is one file: to find and to read each further one takes a millisecond.
    codeSplitting: {
      groups: [
        {
          name: 'start',
          test: /node_modules\/commander\/|src\/(?:lib\/(?:words|errors|duration|text\/clean|secrets\/(?:redact|secret-name))|cli\/(?:start|program|io|package)|os\/(?:clock|files))\.ts$/
        },
        // They would share one file with each other, and whoever needs one of them would read all three.
        { name: 'yaml', test: /node_modules\/yaml\// },
        { name: 're2js', test: /node_modules\/re2js\// }
      ]
    },
    format: 'esm',
    sourcemap: true,
    minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js'
  }
}
export { config as default }
