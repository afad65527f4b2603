import type * as z from 'zod'

type JsonSchema = z.core.JSONSchema._JSONSchema

/** One parameter of a probe, as its page lists it. */
export interface ParamLine {
  readonly name: string
  /** In a few words: `text or list of text`. */
  readonly type: string
  readonly required: boolean
  /** What the schema says of itself; empty where it says nothing. */
  readonly about: string
}

/** The parameters of a probe, from the JSON Schema of its `with`. */
export function paramLines(schema: z.core.JSONSchema.BaseSchema): readonly ParamLine[] {
  const shapes = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(isObject)
  const lines = new Map<string, ParamLine>()
  for (const shape of shapes) {
    for (const [name, param] of Object.entries(shape.properties ?? {})) {
      if (lines.has(name)) continue
      const fallback =
        isObject(param) && param.default !== undefined ? `default: \`${JSON.stringify(param.default)}\`` : ''
      const detail = isObject(param) ? (param.description ?? '') : ''
      lines.set(name, {
        name,
        type: typeText(param),
        required: shape.required?.includes(name) === true,
        about: [detail, fallback].filter(text => text !== '').join('; ')
      })
    }
  }
  return [...lines.values()]
}

/** The type of a value in a few words: `text or list of text`. */
export function typeText(schema: JsonSchema): string {
  if (!isObject(schema)) return 'anything'
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return [...new Set(options.map(typeText))].join(' or ')
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map(value => `\`${String(value)}\``).join(' or ')
  switch (schema.type) {
    case 'string':
      return 'text'
    case 'integer':
      return 'whole number'
    case 'boolean':
      return '`true` or `false`'
    case 'array':
      return Array.isArray(schema.items) || schema.items === undefined
        ? 'list'
        : `list of ${typeText(schema.items)}`
    case 'object':
      return objectText(schema)
    default:
      return typeof schema.type === 'string' ? schema.type : 'anything'
  }
}

function objectText(schema: z.core.JSONSchema.BaseSchema): string {
  const keys = Object.keys(schema.properties ?? {})
  if (keys.length > 0)
    return `{ ${keys.map(key => (schema.required?.includes(key) ? key : `${key}?`)).join(', ')} }`
  return isObject(schema.additionalProperties)
    ? `mapping to ${typeText(schema.additionalProperties)}`
    : 'mapping'
}

function isObject(schema: JsonSchema | undefined): schema is z.core.JSONSchema.BaseSchema {
  return typeof schema === 'object'
}
