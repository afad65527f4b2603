import type { Node, YAMLParseError, YAMLWarning } from 'yaml'
import { isAlias, isCollection, isMap, isNode, isPair, isScalar, LineCounter, stringify, visit } from 'yaml'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { readYaml, YamlTooDeep } from '../lib/read-yaml.ts'
import { oneLine } from '../lib/text/clean.ts'

/** Keys and indexes from the top of a file to a value. */
export type Path = readonly (string | number)[]

/** A YAML file of the home: its data, and where in the file each value stands. */
export interface YamlFile {
  /** As errors name it. */
  readonly name: string
  /** Plain data; scalars as YAML 1.2 reads them. */
  readonly data: unknown
  /** The value at a path; undefined where there is none. */
  at(path: Path): unknown
  has(path: Path): boolean
  /** 1-based; the nearest enclosing value's place where the path leads nowhere; 0: no line can be named. */
  line(path: Path): number
  /** The value as it was typed, for a scalar without quotes; undefined for everything else. */
  typed(path: Path): string | undefined
  /** The same file with another value at an existing path. */
  with(path: Path, value: unknown): YamlFile
}

/** Larger files, and files that grow beyond reason by aliases, are no configuration. */
export const capBytes = 1024 * 1024
const maxAliases = 100

/**
 * Reads one YAML 1.2 document. Duplicate keys, tabs as indentation, unknown tags, several documents and
 * alias bombs are refused.
 *
 * @throws AdversaryError (usage) that names file, line and what is wrong.
 */
export function parseYaml(text: string, name: string): YamlFile {
  const lines = new LineCounter()
  const document = composed(text, name, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    stringKeys: true,
    uniqueKeys: true,
    prettyErrors: false,
    // At `silent` the parser would also say nothing of a second document, and read the first alone.
    logLevel: 'error'
  })
  // A tag that the parser does not know is only a warning to it, and its value would be taken as text.
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0])
    const key =
      problem.code === 'DUPLICATE_KEY' ? /^[^\s:]+/.exec(text.slice(problem.pos[0]))?.[0] : undefined
    const what = key === undefined ? problemText(problem, text) : `${oneLine(key, 80)}: the same key twice`
    throw new AdversaryError('usage', `${name}:${line}:${col}: ${what}`, {
      place: { file: name, line, key: key === undefined ? null : oneLine(key, 80) }
    })
  }

  visit(document, {
    Pair(_, { key }) {
      // Schemas pass this key over, so that what stands under it would never be checked.
      if (!isScalar(key) || key.value !== '__proto__') return
      const { line } = lines.linePos(key.range?.[0] ?? 0)
      throw new AdversaryError('usage', `${name}:${line}: __proto__: unknown key`, {
        place: { file: name, line, key: '__proto__' }
      })
    }
  })

  let data: unknown
  try {
    data = document.toJS({ maxAliasCount: maxAliases })
  } catch (error) {
    throw new AdversaryError('usage', `${name}: ${aliasText(messageOf(error))}`, { cause: error })
  }

  function nodeAt(path: Path): { readonly node: Node | null; readonly found: boolean } {
    let node: Node | null = document.contents
    for (const step of path) {
      const next: Node | null = stepInto(resolved(node), step)
      if (next === null) return { node, found: false }
      node = next
    }
    return { node, found: true }
  }
  function resolved(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(document) ?? null) : node
  }
  function lineOf(path: Path): number {
    const { node, found } = nodeAt(path)
    if (!found) return path.length > 0 ? lineOf(path.slice(0, -1)) : 1
    const parent = path.length > 0 ? resolved(nodeAt(path.slice(0, -1)).node) : null
    const key = isMap(parent)
      ? parent.items.find(pair => textOf(pair.key) === String(path.at(-1)))?.key
      : null
    const offset = isScalar(key) ? key.range?.[0] : node?.range?.[0]
    return offset === undefined ? 1 : lines.linePos(offset).line
  }

  return located(name, data, lineOf, path => {
    const { node, found } = nodeAt(path)
    const scalar = found ? resolved(node) : null
    return isScalar(scalar) && scalar.type === 'PLAIN' && scalar.source !== '' ? scalar.source : undefined
  })
}

function composed(text: string, name: string, options: Parameters<typeof readYaml>[1]) {
  try {
    return readYaml(text, options)
  } catch (error) {
    if (!(error instanceof YamlTooDeep)) throw error
    const line = text.slice(0, error.offset).split('\n').length
    throw new AdversaryError('usage', `${name}:${line}: ${error.message}`, {
      cause: error,
      place: { file: name, line, key: null }
    })
  }
}

/**
 * Values that were each typed as YAML on a command line, as one mapping.
 *
 * @throws AdversaryError (usage) for a word without `=`, a key given twice, or a value that is no YAML.
 */
export function typedValues(words: readonly string[], name: string): YamlFile {
  const files = new Map<string, YamlFile>()
  for (const word of words) {
    const { key, value } = /^(?<key>[\w-]+)=(?<value>[^]*)$/.exec(word)?.groups ?? {}
    if (key === undefined || value === undefined || files.has(key)) {
      throw new AdversaryError(
        'usage',
        `${name}: got \`${oneLine(word, 120)}\`, expected \`key=value\`, each key once`
      )
    }
    files.set(key, parseYaml(value, `${name} ${key}`))
  }
  const data = Object.fromEntries([...files].map(([key, file]) => [key, file.data]))
  return located(
    name,
    data,
    () => 0,
    ([key, ...rest]) => files.get(String(key))?.typed(rest)
  )
}

function located(name: string, data: unknown, line: YamlFile['line'], typed: YamlFile['typed']): YamlFile {
  return {
    name,
    data,
    at: path => valueAt(data, path),
    has: path => valueAt(data, path) !== undefined,
    line,
    typed,
    with: (path, value) => located(name, replaced(data, path, value), line, typed)
  }
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Readonly<Record<string | number, unknown>>)[step]
  }
  return value
}

function stepInto(node: Node | null, step: string | number): Node | null {
  if (!isCollection(node)) return null
  for (const [index, item] of node.items.entries()) {
    const value = isPair(item) ? item.value : item
    if (isPair(item) ? textOf(item.key) === String(step) : index === step) return isNode(value) ? value : null
  }
  return null
}

function textOf(key: unknown): string | null {
  return isScalar(key) ? String(key.value) : null
}

function replaced(data: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (Array.isArray(data))
    return data.map((item, index) => (index === step ? replaced(item, rest, value) : item))
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(
    Object.entries(data).map(([key, member]) => [
      key,
      key === String(step) ? replaced(member, rest, value) : member
    ])
  )
}

interface Found {
  /** The text at the problem, as an error quotes it. */
  readonly shown: string
  /** As the parser has it. */
  readonly message: string
  /** What closes the list or mapping that the parser found open. */
  readonly closing: string | undefined
}

const anchorsAndTags = ({ shown }: Found) =>
  `${shown} is not a valid anchor, alias or tag here; expected at most one of each, before the value`
const unknownTag = ({ shown }: Found) => `unknown tag ${shown}; remove it, or put the whole value in quotes`
const otherwise = ({ message }: Found) => `not valid YAML: ${oneLine(message, 300)}`

/** What was found and what YAML expects there, for people who do not know the parser. */
const problems: Readonly<Record<YAMLParseError['code'], (found: Found) => string>> = {
  TAB_AS_INDENT: () => 'found a tab as indentation; expected spaces',
  BAD_INDENT: ({ closing }) =>
    closing === undefined
      ? 'wrong indentation; expected the same column as the keys or items before it'
      : `a list or mapping is not closed; expected \`${closing}\` before this`,
  MULTIPLE_DOCS: () => 'found a second document; expected one; remove the line `---` and what follows it',
  BAD_SCALAR_START: ({ shown }) => `a value cannot start with ${shown}; put it in quotes`,
  BAD_DQ_ESCAPE: () => 'unknown escape in double quotes; write `\\\\` for a backslash, or use single quotes',
  BLOCK_AS_IMPLICIT_KEY: () =>
    'found a second key inside a value; put a value that contains `: ` in quotes, or fix the indentation',
  BLOCK_IN_FLOW: () => 'found an indented block inside `[…]` or `{…}`; expected items separated by commas',
  MULTILINE_IMPLICIT_KEY: () => 'expected a key followed by `: ` on the same line',
  KEY_OVER_1024_CHARS: () => 'found a key of more than 1024 characters',
  NON_STRING_KEY: ({ shown }) => `found ${shown} as a key; expected text`,
  TAG_RESOLVE_FAILED: unknownTag,
  BAD_COLLECTION_TYPE: unknownTag,
  MULTIPLE_ANCHORS: anchorsAndTags,
  MULTIPLE_TAGS: anchorsAndTags,
  BAD_PROP_ORDER: anchorsAndTags,
  ALIAS_PROPS: anchorsAndTags,
  BAD_ALIAS: anchorsAndTags,
  BAD_DIRECTIVE: () => 'expected no line that starts with `%`, other than `%YAML 1.2`',
  MISSING_CHAR: missingText,
  UNEXPECTED_TOKEN: ({ shown }) =>
    `unexpected ${shown}; expected a new line, or quotes around the whole value`,
  DUPLICATE_KEY: otherwise,
  IMPOSSIBLE: otherwise,
  RESOURCE_EXHAUSTION: otherwise
}

function problemText({ code, message, pos }: YAMLParseError | YAMLWarning, text: string): string {
  const [found = ''] = text.slice(...pos).split('\n', 1)
  const shown = `\`${oneLine(found.trim() === '' ? text.slice(pos[0], pos[0] + 1) : found.trim(), 60)}\``
  const closing = /must (?:be sufficiently indented and )?end with a (?<mark>\S)/.exec(message)?.groups?.[
    'mark'
  ]
  return problems[code]({ shown, message, closing })
}

function missingText(found: Found): string {
  const { message, closing } = found
  const quote = /closing (?<quote>["'])/.exec(message)?.groups?.['quote'] ?? closing
  if (quote !== undefined) return `expected a closing \`${quote}\` before this`
  if (/map values?/.test(message)) return 'expected a key followed by `: `'
  if (/Missing ,/.test(message)) return 'expected `,` between two items'
  return otherwise(found)
}

function aliasText(message: string): string {
  const name = /^Unresolved alias [^:]*: (?<name>.+)$/s.exec(message)?.groups?.['name']
  if (name !== undefined)
    return `\`*${oneLine(name, 80)}\` has no anchor before it; expected \`&${oneLine(name, 80)}\``
  return /alias count/.test(message)
    ? `aliases repeat too much data; expected at most ${maxAliases} repetitions`
    : `not valid YAML: ${oneLine(message, 300)}`
}

/** A value as YAML, one line a scalar however long it is. */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: 0 })
}
