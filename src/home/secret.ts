import { AdversaryError, messageOf } from '../base/errors.ts'
import { openToOthers, readText } from '../doors/files.ts'

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
  const text = place.file === null ? env[place.env] : await fileText(place.file, place.key)
  const secret = text?.replace(/\r?\n$/, '') ?? ''
  if (secret === '') {
    const what = place.file === null ? `the environment has no ${place.env}` : `${place.file} is empty`
    throw new AdversaryError('usage', `${what} (${place.key})`, {
      hint: `put the secret into a file of mode 0600 and name it in \`${place.key}\`, or set ${place.env}`
    })
  }
  if (!/^[\x21-\x7e]{1,4096}$/.test(secret)) {
    const what = place.file ?? place.env
    throw new AdversaryError(
      'usage',
      `${place.key}: ${what} is not one line of printable ASCII without spaces`
    )
  }
  return secret
}

async function fileText(file: string, key: string): Promise<string> {
  const open = await openToOthers(file)
  if (open !== null) {
    throw new AdversaryError('usage', `${file} is open to others, ${open} (${key})`, {
      hint: `chmod 600 ${file}`
    })
  }
  let text: string | null
  try {
    text = await readText(file, 16 * 1024)
  } catch (error) {
    throw new AdversaryError('usage', `${file} cannot be read (${key}): ${messageOf(error)}`, {
      cause: error
    })
  }
  if (text === null) throw new AdversaryError('usage', `there is no file ${file} (${key})`)
  return text
}
