/**
 * The templates of `--format` and `-f`: fields, `json`, `range`, `if`/`else`, `len`, `index`, `eq`, `join` … of Go, as far
 * as scripts use them. null: something in it is not understood.
 */
export function rendered(template: string, data: unknown): string | null {
  const tokens = tokensOf(template.replaceAll('\\n', '\n').replaceAll('\\t', '\t'))
  let at = 0
  try {
    const out = block(data, new Map([['$', data]]))
    return at < tokens.length ? null : out
  } catch {
    return null
  }

  function block(dot: unknown, variables: Map<string, unknown>): string {
    let out = ''
    for (; at < tokens.length; at++) {
      const token = tokens[at] ?? ''
      const action = actionOf(token)
      if (action === null) {
        out += token
        continue
      }
      if (/^(?:end|else)\b/.test(action)) return out
      const [, keyword = '', expression = ''] = /^(range|if|with)\s+([^]*)$/.exec(action) ?? []
      if (keyword === '') {
        if (!action.startsWith('/*')) out += shown(evaluate(action, dot, variables))
        continue
      }
      out += compound(keyword, expression, dot, variables)
    }
    return out
  }

  function compound(
    keyword: string,
    expression: string,
    dot: unknown,
    variables: Map<string, unknown>
  ): string {
    const { names, source } = assigned(expression)
    const value = evaluate(source, dot, variables)
    const start = at + 1
    const items: readonly (readonly [unknown, unknown])[] =
      keyword === 'range'
        ? Array.isArray(value)
          ? value.map((one, index) => [index, one] as const)
          : isMap(value)
            ? Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
            : []
        : isTrue(value)
          ? [[0, keyword === 'with' ? value : dot] as const]
          : []
    let out = ''
    if (items.length === 0) {
      at = start
      block(null, new Map(variables))
      if (/^\{\{-?\s*else/.test(tokens[at] ?? '')) {
        at += 1
        out = block(dot, variables)
      }
      return out
    }
    let after = start
    for (const [key, one] of items.slice(0, 1_000)) {
      at = start
      const inner = new Map(variables)
      const [first, second] = names
      if (first !== undefined && second !== undefined) inner.set(first, key).set(second, one)
      else if (first !== undefined) inner.set(first, one)
      out += block(one, inner)
      if (/^\{\{-?\s*else/.test(tokens[at] ?? '')) {
        at += 1
        block(null, inner)
      }
      after = at
    }
    at = after
    return out
  }
}

/** Text and actions (`{{ … }}`) in turn. */
function tokensOf(template: string): readonly string[] {
  const tokens: string[] = []
  let done = 0
  for (let open = template.indexOf('{{'); open >= 0; open = template.indexOf('{{', done)) {
    const close = template.indexOf('}}', open + 2)
    if (close < 0) break
    tokens.push(template.slice(done, open), template.slice(open, close + 2))
    done = close + 2
  }
  return [...tokens, template.slice(done)]
}

/** What stands between the braces; null: the token is text. */
function actionOf(token: string): string | null {
  if (!token.startsWith('{{') || !token.endsWith('}}') || token.length < 4) return null
  const from = token.startsWith('{{-') ? 3 : 2
  const to = token.endsWith('-}}') && token.length - 3 >= from ? 3 : 2
  return token.slice(from, token.length - to).trim()
}

/** `$key, $value := .X`: the variables that it sets, and what they are set from. */
function assigned(expression: string): { readonly names: readonly string[]; readonly source: string } {
  const at = expression.indexOf(':=')
  const names = expression
    .slice(0, Math.max(0, at))
    .split(',')
    .map(name => name.trim())
  return at >= 0 && names.every(name => /^\$\w+$/.test(name))
    ? { names, source: expression.slice(at + 2).trim() }
    : { names: [], source: expression }
}

/** The parts of a pipeline; a `|` in quotes is a letter. */
function stagesOf(text: string): readonly string[] {
  const stages: string[] = []
  let start = 0
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? ''
    if (quote === '"' && letter === '\\') at++
    else if (quote !== '') quote = letter === quote ? '' : quote
    else if (letter === '"' || letter === '`') quote = letter
    else if (letter === '|') {
      stages.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  return [...stages, text.slice(start).trim()]
}

function evaluate(text: string, dot: unknown, variables: ReadonlyMap<string, unknown>): unknown {
  let value: unknown
  for (const [index, stage] of stagesOf(text).entries()) {
    const words = stage.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|\([^()]*\)|[^\s()]+/g) ?? []
    value = call(words, dot, variables, index === 0 ? [] : [value])
  }
  return value
}

function call(
  words: readonly string[],
  dot: unknown,
  variables: ReadonlyMap<string, unknown>,
  piped: readonly unknown[]
): unknown {
  const [first = '', ...rest] = words
  const values = [...rest.map(word => operand(word, dot, variables)), ...piped]
  const [one, two] = values
  switch (first) {
    case 'json':
      return JSON.stringify(one ?? null)
    case 'len':
      return Array.isArray(one) || typeof one === 'string'
        ? one.length
        : isMap(one)
          ? Object.keys(one).length
          : 0
    case 'index':
      return values.slice(1).reduce((value, key) => field(value, String(key)), one)
    case 'eq':
      return values.slice(1).some(value => String(value) === String(one))
    case 'ne':
      return String(one) !== String(two)
    case 'not':
      return !isTrue(one)
    case 'and':
      return values.find(value => !isTrue(value)) ?? values.at(-1)
    case 'or':
      return values.find(isTrue) ?? values.at(-1)
    case 'gt':
      return Number(one) > Number(two)
    case 'lt':
      return Number(one) < Number(two)
    case 'ge':
      return Number(one) >= Number(two)
    case 'le':
      return Number(one) <= Number(two)
    case 'join':
      return Array.isArray(one) ? one.join(String(two ?? '')) : ''
    case 'lower':
      return shown(one).toLowerCase()
    case 'upper':
      return shown(one).toUpperCase()
    case 'print':
    case 'println':
      return `${values.map(shown).join(' ')}${first === 'println' ? '\n' : ''}`
    case 'printf':
      return values.slice(1).reduce<string>((out, value) => out.replace(/%[svdqt]/, shown(value)), shown(one))
    default:
      if (rest.length > 0 || piped.length > 0) throw new RangeError(first)
      return operand(first, dot, variables)
  }
}

function operand(word: string, dot: unknown, variables: ReadonlyMap<string, unknown>): unknown {
  if (/^["`]/.test(word)) return word.slice(1, -1).replaceAll('\\"', '"')
  if (/^-?\d+$/.test(word)) return Number(word)
  if (word === 'true' || word === 'false') return word === 'true'
  if (word.startsWith('(')) return evaluate(word.slice(1, -1), dot, variables)
  const [, variable, path = ''] = /^(\$\w*)?((?:\.\w*)*)$/.exec(word) ?? []
  if (variable === undefined && !word.startsWith('.')) throw new RangeError(word)
  const start = variable === undefined ? dot : variables.get(variable)
  return path.split('.').filter(Boolean).reduce<unknown>(field, start)
}

function field(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value[Number(key)]
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (isMap(value)) return Object.keys(value).length > 0
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== ''
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return '<no value>'
  if (Array.isArray(value)) return `[${value.map(shown).join(' ')}]`
  if (isMap(value))
    return `map[${Object.entries(value)
      .map(([key, one]) => `${key}:${shown(one)}`)
      .join(' ')}]`
  return String(value)
}
