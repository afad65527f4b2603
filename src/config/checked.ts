import type { core, ZodType } from 'zod'
import * as z from 'zod'
import { AdversaryError } from '../lib/errors.ts'
import { redact } from '../lib/secrets/redact.ts'
import { didYouMean } from '../lib/text/nearest.ts'
import { oneLine } from '../lib/text/clean.ts'
import type { Path, YamlFile } from './yaml.ts'

/**
 * Checks a file's data, or the part of it at `at`, against a schema.
 *
 * Where text is expected and something like `since: 4212345` or `contains: 8080` stands, the text is what
 * was typed: YAML would make a number of it, and drop its leading zeros.
 *
 * @returns the schema's output, and the file with such scalars as text.
 * @throws AdversaryError (usage) that names file, line, key, value and what was expected.
 */
export function checked<Output>(
  file: YamlFile,
  schema: ZodType<Output>,
  at: Path = []
): { readonly value: Output; readonly file: YamlFile } {
  let current = file
  // Each round turns at least one scalar into text; a file has fewer scalars than bytes.
  for (;;) {
    const result = schema.safeParse(current.at(at))
    if (result.success) return { value: result.data, file: current }
    const asText = result.error.issues.flatMap(issue =>
      wantsText(issue, current, [...at, ...steps(issue.path)])
    )
    if (asText.length === 0) throw complaint(current, schema, result.error.issues, at)
    for (const { path, text } of asText) current = current.with(path, text)
  }
}

function wantsText(
  issue: core.$ZodIssue,
  file: YamlFile,
  path: Path
): readonly { readonly path: Path; readonly text: string }[] {
  const value = file.at(path)
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.flat().flatMap(each => wantsText(each, file, [...path, ...steps(each.path)]))
    return inner.slice(0, 1)
  }
  if (issue.code !== 'invalid_type' || issue.expected !== 'string') return []
  if (typeof value !== 'number' && typeof value !== 'boolean') return []
  const text = file.typed(path)
  return text === undefined ? [] : [{ path, text }]
}

/** The first thing that is wrong in the order of the file; a misspelt key before the key that it leaves out. */
export function complaint(
  file: YamlFile,
  schema: ZodType,
  issues: readonly core.$ZodIssue[],
  at: Path
): AdversaryError {
  const flat = issues.flatMap(issue => flatten(issue, at))
  const unknown = flat.filter(({ issue }) => issue.code === 'unrecognized_keys')
  const [first] = (unknown.length > 0 ? unknown : flat).sort((a, b) => file.line(a.path) - file.line(b.path))
  if (first === undefined) throw new TypeError('a refusal without an issue')
  return refusal(file, first.path, sentence(first.issue, first.path, file, schema, at))
}

/** An error about one value of a file, as every error of the home is told. */
export function refusal(file: YamlFile, path: Path, what: string): AdversaryError {
  const key = path.length === 0 ? '' : ` ${keyOf(path)}:`
  const line = file.line(path)
  const place = `${file.name}:${line === 0 ? '' : `${line}:`}`
  // Keys, and what a probe's own schema says, may quote anything, a password in a URL included.
  return new AdversaryError('usage', oneLine(`${place}${key} ${redact(what).text}`, 2000), {
    place: {
      file: file.name,
      line: line === 0 ? null : line,
      key: path.length === 0 ? null : oneLine(keyOf(path), 500)
    }
  })
}

interface Located {
  readonly issue: core.$ZodIssue
  readonly path: Path
}

/** A union complains once per branch: the branch that understood most of the value knows best what is wrong. */
function flatten(issue: core.$ZodIssue, at: Path): readonly Located[] {
  const path = [...at, ...steps(issue.path)]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({ issue: { ...issue, keys: [key] }, path: [...path, key] }))
  }
  if (issue.code !== 'invalid_union') return [{ issue, path }]
  const understood = issue.errors.filter(branch =>
    branch.some(each => each.path.length > 0 || each.code === 'unrecognized_keys')
  )
  const [deepest] = understood
  return deepest === undefined || understood.length > 1
    ? [{ issue, path }]
    : deepest.flatMap(each => flatten(each, path))
}

function sentence(issue: core.$ZodIssue, path: Path, file: YamlFile, schema: ZodType, at: Path): string {
  const key = String(path.at(-1))
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path.slice(at.length, -1))
    const keys = known.length > 0 && known.length <= 16 ? `; expected ${known.map(quoted).join(', ')}` : ''
    return `unknown key${didYouMean(key, known) || keys}`
  }
  if (issue.code === 'invalid_key')
    return `${shown(key)} is not a valid key; expected ${wanted(issue.issues)}`
  const value = file.at(path)
  if (value === undefined) return `is missing; expected ${wanted([issue])}`
  if (!isExpectation(issue)) return `got ${shown(value)}: ${issue.message}`
  const known = issue.code === 'invalid_value' ? issue.values.map(String) : []
  return `got ${shown(value)}, expected ${wanted([issue])}${typeof value === 'string' ? didYouMean(value, known) : ''}`
}

/** Whether an issue says what it wants. What a probe's own rule says may be any sentence. */
function isExpectation(issue: core.$ZodIssue): boolean {
  if (issue.code !== 'custom' && issue.code !== 'invalid_format') return true
  return /^(?:expected |an? |one |at least |at most |the |what |text)/.test(issue.message)
}

const wordFor: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'a mapping',
  record: 'a mapping',
  map: 'a mapping',
  array: 'a list',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`'
}

function wanted(issues: readonly core.$ZodIssue[]): string {
  return [...new Set(issues.flatMap(expectations))].join(' or ')
}

function expectations(issue: core.$ZodIssue): readonly string[] {
  if (issue.code === 'invalid_union') {
    if (!issue.message.startsWith('Invalid ')) return [issue.message]
    return issue.errors.flat().flatMap(expectations)
  }
  if (issue.code === 'invalid_type') {
    // A schema of ours that says in its own words what it expects is believed.
    return [
      issue.message.startsWith('Invalid ') ? (wordFor[issue.expected] ?? issue.expected) : issue.message
    ]
  }
  if (issue.code === 'invalid_value') return [issue.values.map(value => quoted(String(value))).join(', ')]
  return [issue.message.replace(/^(?:Too (?:small|big): )?expected /, '')]
}

/** The keys that a schema knows at a path, by its JSON Schema: the one description of itself that it publishes. */
function knownKeys(schema: ZodType, path: Path): readonly string[] {
  let nodes: readonly Node[] = branches(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
  for (const step of path) nodes = nodes.flatMap(node => below(node, step)).flatMap(branches)
  return [...new Set(nodes.flatMap(node => Object.keys(node.properties ?? {})))]
}

type Node = core.JSONSchema.BaseSchema

function branches(node: core.JSONSchema._JSONSchema): readonly Node[] {
  return typeof node === 'boolean' ? [] : [node, ...(node.anyOf ?? []).flatMap(branches)]
}

function below(node: Node, step: string | number): readonly core.JSONSchema._JSONSchema[] {
  const named = node.properties?.[String(step)]
  if (named !== undefined) return [named]
  const { items, additionalProperties } = node
  if (typeof step === 'number') return items === undefined || Array.isArray(items) ? [] : [items]
  return additionalProperties === undefined ? [] : [additionalProperties]
}

function steps(path: readonly PropertyKey[]): Path {
  return path.map(step => (typeof step === 'symbol' ? String(step) : step))
}

/** `milestones.M2.checks[0].with` */
export function keyOf(path: Path): string {
  const text = path
    .map(step =>
      typeof step === 'number' ? `[${step}]` : `.${/^[\w{}-]+$/.test(step) ? step : JSON.stringify(step)}`
    )
    .join('')
  return text.replace(/^\./, '')
}

function quoted(text: string): string {
  return `\`${text}\``
}

/** A value as an error shows it: on one line, short, without control or bidirectional characters. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  const plain = text.replace(/[\p{C}\u2028\u2029]/gu, '�')
  if (plain === '') return 'nothing'
  return quoted(plain.length > 120 ? `${plain.slice(0, 119)}…` : plain)
}
