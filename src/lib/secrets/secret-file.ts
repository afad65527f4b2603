/**
 * Whether a file is read as a program, by its name. What a start runs or sources is a script, a file without an ending,
 * a piece of configuration, or the description of a stack; whatever else lies beside it (state, certificates, copies) is
 * not read at all, so that no list of the names of secrets has to be complete. Of those that are read, what is named like
 * a secret is withheld. Held twice: here, and by the script on a host that `lockdown` guards (ssh/reader/guard.ts), which is
 * made from these lists.
 */

/** Folders that hold programs and nothing else. */
export const programFolders = ['bin', 'sbin', 'libexec'] as const

/** Endings of scripts. */
export const scriptEndings =
  'ash awk bash bats cjs dash fish js ksh lua mjs nu php pl py rb sed sh tcl ts zsh'.split(' ')

/** Endings of what is sourced, or says what is deployed. A number counts as no ending: `python3.11`. */
export const textEndings = 'cfg common conf defaults functions inc include lib rc yaml yml'.split(' ')

/** A whole name, less the ending of a script, that holds values and no program: `secrets.sh`. */
export const secretStems =
  'credential credentials creds env environment password passwords passwd secret secrets token tokens'.split(
    ' '
  )

/** Words of a name, apart by `-`, `_`, `.`, `@` or `+`, behind which a secret lies: `server.key`, `db-password.conf`. */
export const secretWords = (
  'acme age apikey apikeys asc cred credential credentials creds dsa ecdsa ed25519 env gpg htdigest htpasswd jks ' +
  'kdb kdbx key keys keystore keytab kubeconfig netrc p12 passphrase passwd password passwords pem pfx pgpass pkcs12 ' +
  'ppk privkey rsa secret secrets shadow tfstate tfvars token tokens truststore vault'
).split(' ')

/** Of a program in a folder of programs, the last word of its name: `/opt/bin/db-password` prints one. */
export const secretLastWords = (
  'age asc env gpg htpasswd id_dsa id_ecdsa id_ed25519 id_rsa kdbx key p12 passwd password pem pfx secret secrets ' +
  'shadow token tokens'
).split(' ')

const separators = /[-_.@+]/

/** @param path absolute and in its shortest form. */
export function isWithheld(path: string): boolean {
  const parts = path.split('/')
  const base = (parts.at(-1) ?? '').toLowerCase()
  const folder = parts.at(-2) ?? ''
  if (base.startsWith('.')) return !/^\.[^.].*-wrapped$/.test(base)
  const inPrograms = programFolders.some(name => name === folder)
  const dot = base.lastIndexOf('.')
  const ending = dot < 0 || /^\.\d*$/.test(base.slice(dot)) ? '' : base.slice(dot + 1)
  if (scriptEndings.includes(ending)) return secretStems.includes(base.slice(0, dot))
  if (inPrograms)
    return secretLastWords.some(
      word => base === word || (separators.test(base.at(-word.length - 1) ?? '') && base.endsWith(word))
    )
  if (ending !== '' && !textEndings.includes(ending)) return true
  return base.split(separators).some(word => secretWords.includes(word))
}

/** Ends of paths about which nothing is asked, whatever folder they lie in. */
export const secretEndings = (
  '.key .pem .p12 .pfx .kdbx .env .secret .asc .gpg .age id_rsa id_ecdsa id_ed25519 htpasswd shadow ' +
  'passwd password secret secrets token tokens'
).split(' ')

export function endsLikeSecret(path: string): boolean {
  const lower = path.toLowerCase()
  return secretEndings.some(ending => lower.endsWith(ending))
}
