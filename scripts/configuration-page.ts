import type * as z from 'zod'
import { typeText } from '../src/config/plan/params-text.ts'

type JsonSchema = z.core.JSONSchema.BaseSchema

/** One key of a file of the home, as the reference lists it. */
export interface KeyLine {
  /** As one would say where it stands: `hosts.<name>.ssh`, `milestones.<name>.checks[].probe`. */
  readonly path: string
  readonly type: string
  readonly required: boolean
  /** As YAML; null: it has none, or its description says it. */
  readonly fallback: string | null
  /** Empty where the schema says nothing. */
  readonly about: string
}

/** Every key below a schema, each before the keys inside it, in the order of the schema. */
export function keyLines(schema: JsonSchema, at = ''): readonly KeyLine[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    if (typeof value !== 'object') return []
    const path = at === '' ? name : `${at}.${name}`
    const items = Array.isArray(value.items) ? undefined : value.items
    return [
      {
        path,
        type: typeOf(value),
        required: schema.required?.includes(name) === true,
        fallback: fallbackOf(value.default),
        about: value.description ?? ''
      },
      ...keyLines(value, path),
      ...inside(value.additionalProperties, `${path}.<name>`),
      ...inside(items, `${path}[]`)
    ]
  })
}

function inside(schema: z.core.JSONSchema._JSONSchema | undefined, at: string): readonly KeyLine[] {
  return typeof schema === 'object' ? keyLines(schema, at) : []
}

function typeOf(schema: JsonSchema): string {
  if (schema.title !== undefined) return schema.title
  if (schema.properties !== undefined) return 'mapping'
  if (schema.type === 'array' && typeof schema.items === 'object' && !Array.isArray(schema.items))
    return `list of ${typeOf(schema.items)}`
  if (schema.anyOf !== undefined)
    return schema.anyOf.map(each => (typeof each === 'object' ? typeOf(each) : typeText(each))).join(' or ')
  // The list of all probes is a page of its own.
  if ((schema.enum?.length ?? 0) > 10) return 'text'
  return schema.type === 'object' ? 'mapping by name' : typeText(schema)
}

/** What a value is where the key is left out; an empty mapping or list says no more than that it may be. */
function fallbackOf(value: unknown): string | null {
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `docs/configuration.md`: every key of `adversary.yaml` and of a plan. */
export function configurationPage(
  { adversary, plan }: { readonly adversary: JsonSchema; readonly plan: JsonSchema },
  banner: string
): string {
  return `<!-- ${banner} -->

# Configuration reference

Every key of the two files of a home. [plans.md](plans.md) explains plans with an example, [statuses.md](statuses.md) explains \`forge\`,
[server.md](server.md) explains \`serve\`, and [probes.md](probes.md) lists what each probe takes under \`with\`. Secrets are in files or in variables of
the [environment](environment.md), never in these files.

An unknown key or a bad value is one error that names file, line, key, value and what was expected; the exit code is 64,
and nothing is done. Editors complete both files with the schemas:
[adversary.schema.json](../schemas/adversary.schema.json), [plan.schema.json](../schemas/plan.schema.json).

| type | written as |
| --- | --- |
| duration | a number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`30s\`, \`15m\`, \`30d\` |
| local path | absolute, from \`~\`, or relative to the home |
| path in the repo | relative, with \`/\`, without \`..\` and \`.git\` |
| commit | 7 to 64 hexadecimal digits |
| host | a name: letters, digits, \`.\`, \`_\`, \`-\` (but not \`repo\`, \`web\` or \`record\`) |
| day | \`2026-12-31\` |

## adversary.yaml

${sections(adversary)}
## plans/\\<phase\\>.yaml

${sections(plan)}`
}

/** A table for each key of the file that has keys inside it, after one for those that have none. */
function sections(schema: JsonSchema): string {
  const lines = keyLines(schema)
  const names = Object.keys(schema.properties ?? {})
  const of = (name: string) => lines.filter(({ path }) => path === name || path.startsWith(`${name}.`))
  const single = names.filter(name => of(name).length === 1)
  const groups = names.filter(name => !single.includes(name))
  return [
    table(single.flatMap(of)),
    ...groups.map(name => {
      const [group, ...keys] = of(name)
      return `### ${name}\n\n${group?.about ?? ''}${group?.required === true ? ' Required.' : ''}\n\n${table(keys)}`
    })
  ].join('\n')
}

function table(lines: readonly KeyLine[]): string {
  const rows = lines.map(
    ({ path, type, required, fallback, about }) =>
      `| \`${path}\` | ${cell(type)} | ${required ? 'required' : fallback === null ? '' : `\`${cell(fallback)}\``} | ${cell(about)} |`
  )
  return `${['| key | type | default | |', '| --- | --- | --- | --- |', ...rows].join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
}
