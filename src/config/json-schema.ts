import * as z from 'zod'
import type { AnyProbe } from '../probe/probe.ts'
import { configSchema } from './config.ts'
import { planSchema } from './plan/plan.ts'

type JsonSchema = z.core.JSONSchema.BaseSchema

/**
 * A schema as JSON Schema 2020-12.
 *
 * @param side `input` for files that people write, `output` for documents that we write.
 */
export function jsonSchemaOf(schema: z.ZodType, side: 'input' | 'output', name: string): JsonSchema {
  return { title: `adversary ${name}`, ...z.toJSONSchema(schema, { io: side, unrepresentable: 'any' }) }
}

/** What a plan writes under `with` for one probe, as JSON Schema without a header. */
export function paramsSchema(probe: AnyProbe): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(probe.params, { io: 'input', unrepresentable: 'any' })
  return schema
}

/** The JSON Schemas of the two files of a home; the plan's knows each probe's parameters. */
export function homeSchemas(probes: readonly AnyProbe[]): {
  readonly adversary: JsonSchema
  readonly plan: JsonSchema
} {
  const plan = jsonSchemaOf(planSchema, 'input', 'plan')
  const check = checkIn(plan)
  const probe = asSchema(check.properties?.['probe'])
  check.properties = {
    ...check.properties,
    probe: { ...probe, type: 'string', enum: probes.map(({ id }) => id) }
  }
  check.allOf = probes.map(probe => ({
    if: { properties: { probe: { const: probe.id } }, required: ['probe'] },
    // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own word
    then: { properties: { with: paramsSchema(probe) } }
  }))
  return { adversary: jsonSchemaOf(configSchema, 'input', 'adversary'), plan }
}

function asSchema(schema: z.core.JSONSchema._JSONSchema | undefined): JsonSchema {
  return typeof schema === 'object' ? schema : {}
}

/** The schema of one check inside that of a plan. */
function checkIn(plan: JsonSchema): JsonSchema {
  const milestones = plan.properties?.['milestones']
  const milestone = typeof milestones === 'object' ? milestones.additionalProperties : undefined
  const checks = typeof milestone === 'object' ? milestone.properties?.['checks'] : undefined
  const check = typeof checks === 'object' ? checks.items : undefined
  if (typeof check !== 'object' || Array.isArray(check))
    throw new TypeError('the schema of a plan has no checks')
  return check
}
