import { AdversaryError, type ErrorKind } from '../lib/errors.ts'

/**
 * Why something could not be answered, for those who may know no more than that: builders read it. The whole error,
 * with its files and addresses, is for the log.
 */
export function publicReason(error: unknown): string {
  if (error instanceof AdversaryError) return reasons[error.kind]
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'timed out'
  return "internal error; see the reviewer's log"
}

const reasons: Readonly<Record<ErrorKind, string>> = {
  usage: "the reviewer's configuration is invalid; see its log",
  'missing-tool': "a required tool is missing on the reviewer's machine; see its log",
  repository: "the reviewer cannot read the repository; see the reviewer's log",
  'not-trusted': 'the signed record is not trusted',
  'not-proven': 'something could not be observed'
}

/** The text without the reviewer's own folders: what is below one of them is shortened to `…`. */
export function withoutPlaces(text: string, places: readonly string[]): string {
  let shown = text
  for (const place of [...places].sort((a, b) => b.length - a.length)) {
    if (!place.startsWith('/') || place === '/') continue
    const parts = shown.split(place)
    const [first = '', ...rest] = parts
    shown = first + rest.map(part => `…${part.replace(/^(?:\/[^\s"'`,;:()]*)/, '')}`).join('')
  }
  return shown
}
