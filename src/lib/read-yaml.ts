import type { Document, DocumentOptions, ParsedNode, ParseOptions, SchemaOptions } from 'yaml'
import { Parser, parseDocument } from 'yaml'
import { yamlBounds } from './bounds.ts'

type Options = ParseOptions & DocumentOptions & SchemaOptions

/**
 * Reads one YAML document. What nests deeper than the bound is refused before it is composed: the composer calls itself
 * for each level, and where a stack is nearly full, V8 of Node 20 ends the whole process as soon as it has a pattern to
 * compile, and throws nothing that could be caught.
 *
 * @throws YamlTooDeep. Everything else that is wrong stands in the document's `errors`.
 */
export function readYaml(text: string, options: Options): Document.Parsed<ParsedNode> {
  const deep = tooDeep(text)
  if (deep !== null) throw new YamlTooDeep(deep)
  return parseDocument(text, options)
}

/** YAML that nests deeper than is read. */
export class YamlTooDeep extends Error {
  /** Where, in characters from the start of the text. */
  readonly offset: number

  constructor(offset: number) {
    super(`it nests deeper than ${yamlBounds.depth} levels`)
    this.offset = offset
  }
}

/** Of the parser's tokens, what nests: documents hold one `value`, collections `items`. */
interface Token {
  readonly offset?: number
  readonly value?: unknown
  readonly items?: readonly { readonly key?: unknown; readonly value?: unknown }[]
}

/** The offset of the first collection that stands too deep. The parser itself keeps a stack of its own: it does not recurse. */
function tooDeep(text: string): number | null {
  const open: { readonly token: unknown; readonly depth: number }[] = []
  for (const token of new Parser().parse(text)) open.push({ token, depth: 0 })
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next
    if (!isToken(token)) continue
    if (token.items === undefined) open.push({ token: token.value, depth })
    else if (depth >= yamlBounds.depth) return token.offset ?? 0
    else
      for (const { key, value } of token.items)
        open.push({ token: key, depth: depth + 1 }, { token: value, depth: depth + 1 })
  }
  return null
}

function isToken(value: unknown): value is Token {
  return typeof value === 'object' && value !== null
}
