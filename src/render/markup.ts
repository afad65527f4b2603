/** Elements that go on over headings, and hide or change what follows. */
const goingOn = new Set(
  (
    'details summary dialog template select svg math noscript object video audio iframe pre code kbd samp tt div center ' +
    'blockquote table ul ol dl a b i em strong s strike del ins u sub sup font small big script style textarea title xmp'
  ).split(' ')
)
/** Elements in which nothing but their end is a tag. */
const raw = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'iframe', 'noscript'])
/** Ends a comment, a tag and a quoted attribute, whichever is open; a comment by itself. */
const endAll = `<!-- '> "> -->`

/** The HTML of one block. */
export interface Markup {
  readonly values: readonly string[]
  /** What is opened in a list or a quote ends with it. */
  readonly lasts: boolean
}

/** What ends the HTML that is left open: Markdown ends such a block at an empty line, a browser does not. */
export function htmlEnds(blocks: readonly Markup[]): readonly string[] {
  const open = openElements()
  // Reviews fold with the same few tags again and again.
  const known = new Map<string, readonly Tag[]>()
  let torn = false
  for (const { values, lasts } of blocks) {
    const stack = lasts ? open : openElements()
    for (const value of values) {
      let tags = known.get(value)
      if (tags === undefined) known.set(value, (tags = tagsIn(value)))
      torn = value === endAll ? false : !takeTags(tags, stack) || torn
    }
  }
  return [...(torn ? [endAll] : []), ...open.names().map(name => `</${name}>`)]
}

interface Tag {
  readonly element: string
  readonly closing: boolean
  /** It ends within the text. */
  readonly whole: boolean
}

/** The elements that are open. What closes none of them is told by their number, however many there are. */
function openElements() {
  const stack: string[] = []
  const counts = new Map<string, number>()
  const count = (name: string, by: number) => counts.set(name, (counts.get(name) ?? 0) + by)
  return {
    top: () => stack.at(-1) ?? '',
    /** The innermost first. */
    names: (): readonly string[] => [...stack].reverse(),
    open(name: string) {
      stack.push(name)
      count(name, 1)
    },
    /** Closes the innermost of this name, and what was opened in it. */
    close(name: string) {
      if ((counts.get(name) ?? 0) === 0) return
      for (let closed = stack.pop(); closed !== undefined; closed = stack.pop()) {
        count(closed, -1)
        if (closed === name) return
      }
    }
  }
}

/** Opens and closes elements. False when the text ends within a tag or a comment. */
function takeTags(tags: readonly Tag[], elements: ReturnType<typeof openElements>): boolean {
  let ended = true
  for (const { element, closing, whole } of tags) {
    const top = elements.top()
    if (raw.has(top) && !(closing && element === top)) continue
    if (!whole) ended = false
    if (!goingOn.has(element)) continue
    if (closing) elements.close(element)
    else elements.open(element)
  }
  return ended
}

function tagsIn(html: string): readonly Tag[] {
  const tag =
    /<!--[^]*?(?:-->|$)|<(\/?)([a-z][a-z0-9-]*)(?:[^>"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*(?:>|$)|<[!?][^>]*(?:>|$)/gi
  return [...html.matchAll(tag)].map(([found, slash, name = '']) => ({
    element: name.toLowerCase(),
    closing: slash === '/',
    whole: found.endsWith(found.startsWith('<!--') ? '-->' : '>')
  }))
}
