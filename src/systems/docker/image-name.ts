/** An image as people and docker write it: `ghcr.io/shop/app:2@sha256:…`. */
interface ImageName {
  readonly repository: string
  /** `latest` where neither a tag nor a digest is written. */
  readonly tag: string | null
  readonly digest: string | null
}

/**
 * Whether the image that runs is the one that is written. Docker adds the digest of a tag when it deploys, so
 * a digest counts only where one is written; beside a digest a tag may be left out.
 */
export function isWrittenImage(live: string, written: string): boolean {
  const [has, wants] = [parsed(live), parsed(written)]
  return (
    has.repository === wants.repository &&
    (wants.tag === null || has.tag === wants.tag) &&
    (wants.digest === null || has.digest === wants.digest)
  )
}

function parsed(text: string): ImageName {
  const [rest = '', digest = null] = text.split('@', 2)
  const colon = rest.lastIndexOf(':')
  // A colon before the last slash is of a registry's port.
  const tagged = colon > rest.lastIndexOf('/')
  const name = tagged ? rest.slice(0, colon) : rest
  const tag = tagged ? rest.slice(colon + 1) : digest === null ? 'latest' : null
  return { repository: name.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, ''), tag, digest }
}

export type Filled = { readonly text: string } | { readonly unfilled: string }

/**
 * Fills in the variables of a compose file's value as far as the file itself says what they are.
 *
 * @param defaults whether `${NAME:-default}` is its default; otherwise it stays open, as `${NAME}` always does.
 */
export function filledIn(value: string, defaults: boolean): Filled {
  const unfilled: string[] = []
  const text = value.replace(
    /\$(?:\$|\{([^{}]*)\}|[A-Za-z_]\w*|)/g,
    (all: string, inner: string | undefined) => {
      if (all === '$$') return '$'
      const [, given] = /^[A-Za-z_]\w*:?-([^$]*)$/.exec(inner ?? '') ?? []
      if (defaults && given !== undefined) return given
      unfilled.push(all)
      return ''
    }
  )
  const [first] = unfilled
  return first === undefined ? { text } : { unfilled: value }
}
