import { analysisBounds } from '../../lib/bounds.ts'
import { closing, formatted, type PyToken, split } from '../languages/python-syntax.ts'
import { fewValues, products, unknowable } from './shell-runs.ts'

/** What an expression may be, as far as constants say. */
export type PyValue =
  | { readonly kind: 'text'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly items: readonly PyValue[] }
  | { readonly kind: 'dict'; readonly entries: ReadonlyMap<string, PyValue> }

export interface PyScope {
  lookup(name: string): PyValue | undefined
  /** A variable of the process's environment. */
  environment(name: string): string | undefined
  /** Counts the work; false when there has been enough of it. */
  spend(tokens: number): boolean
  /** What a function of the program returns; undefined if it has no such function. */
  call(name: string, given: PyArguments): PyValue | undefined
}

export interface PyArguments {
  readonly positional: readonly PyValue[]
  readonly named: ReadonlyMap<string, PyValue>
}

export const unknown: PyValue = { kind: 'text', values: [unknowable] }
const limits = { depth: 12 } as const

/** A list or dictionary with more in it than is followed is not known. */
function bounded(value: PyValue): PyValue {
  return sizeOf(value) > analysisBounds.elements ? unknown : value
}

/** How much there is in a value, not counting what is in its elements. */
function sizeOf(value: PyValue): number {
  if (value.kind === 'text') return value.values.length
  return value.kind === 'list' ? value.items.length : value.entries.size
}

function weightOf(value: PyValue): number {
  if (value.kind !== 'text') return sizeOf(value)
  return value.values.reduce((sum, text) => sum + 1 + text.length / 16, 0)
}

/** Evaluates an expression over constants. Never throws; what cannot be known is `unknowable`. */
export function evaluate(tokens: readonly PyToken[], scope: PyScope, depth = 0): PyValue {
  if (depth > limits.depth || tokens.length === 0 || !scope.spend(tokens.length)) return unknown
  const inner = (part: readonly PyToken[], bound = scope) => evaluate(part, bound, depth + 1)
  const either = split(tokens, 'or')
  if (either.length > 1) return union(either.map(part => inner(part)).filter(value => !isUnknown(value)))
  const [whenTrue, condition] = split(tokens, 'if')
  if (whenTrue !== undefined && condition !== undefined) {
    return union([
      inner(whenTrue),
      ...split(condition, 'else')
        .slice(1)
        .map(part => inner(part))
    ])
  }
  const sum = split(tokens, '+')
  if (sum.length > 1) return sum.map(part => inner(part)).reduce(joined)
  const paths = split(tokens, '/')
  if (paths.length > 1)
    return paths.map(part => inner(part)).reduce((a, b) => joined(joined(a, textOf('/')), b))
  const [format, operand] = split(tokens, '%')
  if (format !== undefined && operand !== undefined) {
    const template = inner(format)
    return scope.spend(16 * weightOf(template)) ? filled(template, inner(operand)) : unknown
  }
  return postfix(tokens, scope, depth)
}

function postfix(tokens: readonly PyToken[], scope: PyScope, depth: number): PyValue {
  const inner = (part: readonly PyToken[], bound = scope) => evaluate(part, bound, depth + 1)
  let at = 0
  let value: PyValue = unknown
  let name = ''
  const first = tokens[0]
  if (first === undefined) return unknown
  if (first.text === 'await') return inner(tokens.slice(1))
  if (first.kind === 'string') {
    value = textOf('')
    for (; tokens[at]?.kind === 'string'; at++) value = joined(value, stringOf(tokens[at], scope, depth))
  } else if (first.kind === 'number') {
    value = textOf(first.text)
    at = 1
  } else if (first.kind === 'name') {
    name = first.text
    value = scope.lookup(name) ?? unknown
    at = 1
  } else if ('([{'.includes(first.text)) {
    const end = closing(tokens, 0)
    value = bracketed(first.text, tokens.slice(1, end), scope, depth)
    at = end + 1
  }
  while (at < tokens.length) {
    const mark = tokens[at]?.text
    if (!scope.spend(weightOf(value))) return unknown
    if (mark === '.') {
      const attribute = tokens[at + 1]?.text ?? ''
      name = name === '' ? attribute : `${name}.${attribute}`
      const own = value.kind === 'dict' ? value.entries.get(attribute) : undefined
      const after = tokens[at + 2]?.text
      // A method's value is what its call makes of the value before it.
      if (after !== '(') value = own ?? scope.lookup(name) ?? unknown
      at += 2
    } else if (mark === '(') {
      const end = closing(tokens, at)
      const given = argumentsOf(tokens.slice(at + 1, end), scope, depth)
      value = called(name, value, given, scope)
      name = ''
      at = end + 1
    } else if (mark === '[') {
      const end = closing(tokens, at)
      const index = inner(tokens.slice(at + 1, end))
      if (name === 'os.environ') value = environmentOf(index, undefined, scope)
      else if (name === 'sys.argv') value = scope.lookup(`sys.argv.${one(index)}`) ?? unknown
      else value = item(value, index)
      name = ''
      at = end + 1
    } else break
  }
  return value
}

function bracketed(open: string, body: readonly PyToken[], scope: PyScope, depth: number): PyValue {
  const inner = (part: readonly PyToken[], bound = scope) => evaluate(part, bound, depth + 1)
  const [made, source] = split(body, 'for')
  if (made !== undefined && source !== undefined) {
    const [targets, iterated] = split(source, 'in')
    const [iterable = []] = split(iterated ?? [], 'if')
    const bound = bind(targets ?? [], inner(iterable))
    const [left = [], right] = open === '{' ? split(made, ':') : [made]
    return {
      kind: 'list',
      items: [inner(right ?? left, { ...scope, lookup: name => bound.get(name) ?? scope.lookup(name) })]
    }
  }
  const parts = split(body, ',').filter(part => part.length > 0)
  if (open === '(' && parts.length === 1 && body.at(-1)?.text !== ',') return inner(parts[0] ?? [])
  if (open === '{' && parts.some(part => split(part, ':').length > 1)) {
    const entries = new Map<string, PyValue>()
    for (const part of parts.slice(0, 500)) {
      const [key, ...rest] = split(part, ':')
      if (key !== undefined && rest.length > 0) {
        for (const name of texts(inner(key))) entries.set(name, inner(part.slice(key.length + 1)))
      }
    }
    return { kind: 'dict', entries }
  }
  return { kind: 'list', items: parts.slice(0, 500).map(part => inner(part)) }
}

/** What the targets of `for … in value` may be. */
export function bind(targets: readonly PyToken[], value: PyValue): ReadonlyMap<string, PyValue> {
  const names = targets.filter(({ kind }) => kind === 'name').map(({ text }) => text)
  const items =
    value.kind === 'list'
      ? value.items
      : value.kind === 'dict'
        ? [...value.entries.keys()].map(textOf)
        : [unknown]
  const [only] = names
  if (names.length === 1 && only !== undefined) return new Map([[only, union(items)]])
  return new Map(
    names.map((name, index) => [
      name,
      union(items.map(each => (each.kind === 'list' ? (each.items[index] ?? unknown) : unknown)))
    ])
  )
}

/** The arguments between the brackets of a call. */
export function argumentsOf(tokens: readonly PyToken[], scope: PyScope, depth = 0): PyArguments {
  const positional: PyValue[] = []
  const named = new Map<string, PyValue>()
  for (const part of split(tokens, ',').slice(0, 40)) {
    if (named.size + positional.length > analysisBounds.elements) break
    if (part.length === 0) continue
    const [name, equals] = part
    if (name?.kind === 'name' && equals?.text === '=')
      named.set(name.text, evaluate(part.slice(2), scope, depth + 1))
    else if (name?.text === '**' || name?.text === '*') {
      const spread = evaluate(part.slice(1), scope, depth + 1)
      if (spread.kind === 'dict') for (const [key, value] of spread.entries) named.set(key, value)
      else if (spread.kind === 'list') positional.push(...spread.items)
    } else positional.push(evaluate(part, scope, depth + 1))
  }
  return { positional, named }
}

function called(name: string, before: PyValue, given: PyArguments, scope: PyScope): PyValue {
  const [first = unknown, second] = given.positional
  const weights = [...given.positional, ...given.named.values()].map(weightOf)
  if (!scope.spend(weights.reduce((sum, weight) => sum + weight, 0))) return unknown
  const last = name.slice(name.lastIndexOf('.') + 1)
  if (name === 'os.getenv' || name === 'os.environ.get')
    return environmentOf(first, second ?? given.named.get('default'), scope)
  const own = scope.call(name, given)
  if (own !== undefined) return own
  switch (last) {
    case 'get':
      return item(before, first, second)
    case 'items':
      return before.kind === 'dict'
        ? {
            kind: 'list',
            items: [...before.entries].map(([key, value]) => ({ kind: 'list', items: [textOf(key), value] }))
          }
        : unknown
    case 'values':
      return before.kind === 'dict' ? { kind: 'list', items: [...before.entries.values()] } : unknown
    case 'keys':
    case 'strip':
    case 'rstrip':
    case 'lower':
    case 'encode':
    case 'copy':
      return before
    case 'format':
      return scope.spend(16 * weightOf(before)) ? formattedWith(before, given) : unknown
    case 'join':
    case 'urljoin':
      return name === 'os.path.join' || last === 'urljoin'
        ? given.positional.reduce((a, b) =>
            last === 'urljoin' ? urlJoined(a, b) : joined(joined(a, textOf('/')), b)
          )
        : before.kind === 'text' && first.kind === 'list'
          ? first.items.reduce((a, b) => joined(joined(a, before), b), textOf(''))
          : unknown
    case 'loads':
      return fromJson(one(first))
    case 'str':
    case 'Path':
    case 'PurePath':
    case 'Request':
    case 'list':
    case 'tuple':
    case 'set':
    case 'sorted':
    case 'int':
    case 'float':
    case 'quote':
      return first
    case 'dict':
    case 'SimpleNamespace':
      return bounded({
        kind: 'dict',
        entries: new Map([...(first.kind === 'dict' ? first.entries : []), ...given.named])
      })
    case 'HTTPSConnection':
    case 'HTTPConnection': {
      const port = second ?? given.named.get('port')
      const scheme = textOf(last === 'HTTPSConnection' ? 'https://' : 'http://')
      const host = joined(scheme, given.positional.length > 0 ? first : (given.named.get('host') ?? unknown))
      const url = port === undefined ? host : joined(joined(host, textOf(':')), port)
      return { kind: 'dict', entries: new Map([['\0url', url]]) }
    }
    default:
      return unknown
  }
}

function stringOf(token: PyToken | undefined, scope: PyScope, depth: number): PyValue {
  if (token === undefined) return unknown
  if (!token.prefix.includes('f')) return textOf(token.text)
  return formatted(token.text, token.line)
    .map(part => (typeof part === 'string' ? textOf(part) : evaluate(part, scope, depth + 1)))
    .reduce(joined)
}

function formattedWith(template: PyValue, { positional, named }: PyArguments): PyValue {
  let index = -1
  return texts(template)
    .map(text =>
      text
        .split(/(\{[^{}]*\})/)
        .map(part => {
          if (!/^\{[^{}]*\}$/.test(part)) return textOf(part)
          const key = part.slice(1, -1).replace(/[:!].*/s, '')
          if (key === '') index += 1
          return (
            (/^\d*$/.test(key) ? positional[key === '' ? index : Number(key)] : named.get(key)) ?? unknown
          )
        })
        .reduce(joined)
    )
    .reduce((a, b) => union([a, b]), { kind: 'text', values: [] } satisfies PyValue as PyValue)
}

function filled(template: PyValue, operand: PyValue): PyValue {
  const items = operand.kind === 'list' ? operand.items : [operand]
  const [text] = texts(template)
  if (text === undefined) return unknown
  const [head = '', ...tails] = text.split(/%(?:\(\w+\))?[sdr]/)
  return tails.reduce(
    (value: PyValue, tail, index) => joined(joined(value, items[index] ?? unknown), textOf(tail)),
    textOf(head)
  )
}

function item(value: PyValue, index: PyValue, fallback?: PyValue): PyValue {
  const found = texts(index).flatMap((key): readonly PyValue[] => {
    // An index that cannot be known may mean any of them.
    if (value.kind === 'dict' && key.includes(unknowable)) return [...value.entries.values()]
    const one =
      value.kind === 'dict'
        ? value.entries.get(key)
        : value.kind === 'list' && /^\d{1,4}$/.test(key)
          ? value.items[Number(key)]
          : undefined
    return one === undefined ? [] : [one]
  })
  return found.length === 0 ? (fallback ?? unknown) : union(found)
}

function environmentOf(name: PyValue, fallback: PyValue | undefined, scope: PyScope): PyValue {
  const value = scope.environment(one(name))
  return value === undefined ? (fallback ?? unknown) : textOf(value)
}

function fromJson(text: string): PyValue {
  try {
    return ofJson(text.length > analysisBounds.valueCharacters ? null : JSON.parse(text), 0)
  } catch (error) {
    if (error instanceof SyntaxError) return unknown
    throw error
  }
}

function ofJson(value: unknown, depth: number): PyValue {
  if (depth > limits.depth) return unknown
  if (Array.isArray(value))
    return bounded({ kind: 'list', items: value.map(each => ofJson(each, depth + 1)) })
  if (typeof value === 'object' && value !== null) {
    return {
      kind: 'dict',
      entries: new Map(Object.entries(value).map(([key, each]) => [key, ofJson(each, depth + 1)]))
    }
  }
  return textOf(String(value))
}

function urlJoined(base: PyValue, path: PyValue): PyValue {
  const [tail = ''] = texts(path)
  if (/^https?:/.test(tail)) return path
  const root = texts(base).map(text =>
    tail.startsWith('/') ? text.replace(/^(https?:\/\/[^/]*).*/s, '$1') : text
  )
  return joined({ kind: 'text', values: root }, path)
}

export function joined(a: PyValue, b: PyValue): PyValue {
  if (a.kind === 'list' && b.kind === 'list')
    return bounded({ kind: 'list', items: [...a.items, ...b.items] })
  return { kind: 'text', values: products(texts(a), texts(b)) }
}

export function union(values: readonly PyValue[]): PyValue {
  const [first, second] = values
  if (first === undefined) return unknown
  if (second === undefined) return first
  const isText = values.some(({ kind }) => kind === 'text')
  if (!isText && values.reduce((sum, value) => sum + sizeOf(value), 0) > analysisBounds.elements)
    return unknown
  if (values.every(value => value.kind === 'dict')) {
    return {
      kind: 'dict',
      entries: new Map(values.flatMap(value => (value.kind === 'dict' ? [...value.entries] : [])))
    }
  }
  if (values.every(value => value.kind === 'list')) {
    return { kind: 'list', items: values.flatMap(value => (value.kind === 'list' ? value.items : [])) }
  }
  return { kind: 'text', values: fewValues(values.flatMap(texts)) }
}

/** The texts that a value may be. */
export function texts(value: PyValue): readonly string[] {
  return value.kind === 'text' ? value.values : [unknowable]
}

export function textOf(text: string): PyValue {
  return { kind: 'text', values: [text] }
}

function one(value: PyValue): string {
  return texts(value)[0] ?? unknowable
}

function isUnknown(value: PyValue): boolean {
  return value.kind === 'text' && value.values.every(text => text.includes(unknowable))
}
