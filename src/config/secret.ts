import { fileBounds } from '../lib/bounds.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { type PrivateText, readPrivateText } from '../os/files.ts'

/** Where a secret is kept: in a file of the reviewer's alone, or in a variable of the environment. */
export interface SecretPlace {
  /** Absolute; null: in the environment. */
  readonly file: string | null
  /** The variable's name. */
  readonly env: string
  /** The key of adversary.yaml that names it, for errors. */
  readonly key: string
}

/**
 * The secret, without the line break at its end. Read anew each time, so that a new one counts at once.
 *
 * @throws AdversaryError (usage) where there is none, the file is open to others, or the text is no secret that a
 * header can carry. No message holds any of it.
 */
export async function readSecret(
  place: SecretPlace,
  env: Readonly<Record<string, string | undefined>>
): Promise<string> {
  const { file, env: variable, key } = place
  const source = file === null ? `the variable ${variable}` : `the file ${file}`
  const text = file === null ? env[variable] : await fileText(file, key)
  const secret = text?.replace(/\r?\n$/, '') ?? ''
  if (secret === '') {
    const what = file === null ? `the environment variable ${variable} is not set` : `${file} is empty`
    throw new AdversaryError('usage', `${what} (${key})`, {
      hint: `put the secret into a file of mode 0600 and name it in \`${key}\`, or set ${variable}`
    })
  }
  if (!/^[\x21-\x7e]{1,4096}$/.test(secret)) {
    throw new AdversaryError(
      'usage',
      `${source} does not hold one line of at most 4096 printable ASCII characters without spaces (${key})`
    )
  }
  return secret
}

async function fileText(file: string, key: string): Promise<string> {
  let read: PrivateText
  try {
    read = await readPrivateText(file, fileBounds.secret)
  } catch (error) {
    throw new AdversaryError('usage', `${file} cannot be read (${key}): ${messageOf(error)}`, {
      cause: error
    })
  }
  switch (read.kind) {
    case 'text':
      return read.text
    case 'absent':
      throw new AdversaryError('usage', `${file} does not exist (${key})`)
    case 'open':
      throw new AdversaryError('usage', `other users can read ${file}, mode ${read.mode} (${key})`, {
        hint: `chmod 600 ${file}`
      })
    case 'foreign':
      throw new AdversaryError('usage', `${file} belongs to another user, uid ${read.uid} (${key})`, {
        hint: `chown "$(id -u)" ${file}, once you have checked its content`
      })
  }
}
