import { create, createFileRegistry, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  StructSchema
} from '@bufbuild/protobuf/wkt'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import draft04 from 'ajv-draft-04'
import formats from 'ajv-formats'
import * as z from 'zod'
import { validateXML } from 'xmllint-wasm'

/** What reads the formats of `--report` elsewhere: the formats' own schemas, and parsers that others keep. */

const schemas = join(import.meta.dirname, '../render/reports/schemas')
const require = createRequire(import.meta.url)

/** What Jenkins' XSD says against it. */
export async function junitErrors(xml: string): Promise<readonly string[]> {
  const schema = await readFile(join(schemas, 'jenkins-junit.xsd'), 'utf8')
  const { errors } = await validateXML({ xml: [{ fileName: 'report.xml', contents: xml }], schema: [schema] })
  return errors.map(({ message }) => message)
}

/** Compiled once: the committee's schema is large. */
let compiled: Promise<(document: unknown) => readonly string[]> | undefined

/** What the SARIF 2.1.0 schema of OASIS says against it. */
export async function sarifErrors(text: string): Promise<readonly string[]> {
  compiled ??= compileSarif()
  const document: unknown = JSON.parse(text)
  return (await compiled)(document)
}

async function compileSarif() {
  const schema = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(await readFile(join(schemas, 'sarif-2.1.0-rtm.5.json'), 'utf8')))
  const ajv = new draft04.default({ allErrors: true, strict: false, unicodeRegExp: false })
  formats.default(ajv)
  const validate = ajv.compile(schema)
  return (document: unknown) => {
    validate(document)
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message ?? ''}`)
  }
}

const { STRING, MESSAGE, BYTES } = FieldDescriptorProto_Type
const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label

/** The messages of in-toto's attestation framework v1, and the predicate Test Result v0, by number and type. */
function inTotoRegistry() {
  const field = (name: string, number: number, type: FieldDescriptorProto_Type, more: object = {}) => ({
    name,
    number,
    type,
    label: OPTIONAL,
    jsonName: name.replace(/_(?<letter>[a-z])/g, (_, letter: string) => letter.toUpperCase()),
    ...more
  })
  const map = (name: string, number: number, owner: string) =>
    field(name, number, MESSAGE, { label: REPEATED, typeName: `.in_toto.${owner}.DigestEntry` })
  const digestEntry = {
    name: 'DigestEntry',
    options: { mapEntry: true },
    field: [field('key', 1, STRING), field('value', 2, STRING)]
  }
  const struct = { typeName: '.google.protobuf.Struct' }
  const file = create(FileDescriptorProtoSchema, {
    name: 'in_toto.proto',
    package: 'in_toto',
    syntax: 'proto3',
    dependency: ['google/protobuf/struct.proto'],
    messageType: [
      {
        name: 'ResourceDescriptor',
        field: [
          field('name', 1, STRING),
          field('uri', 2, STRING),
          map('digest', 3, 'ResourceDescriptor'),
          field('content', 4, BYTES),
          field('download_location', 5, STRING),
          field('media_type', 6, STRING),
          field('annotations', 7, MESSAGE, struct)
        ],
        nestedType: [digestEntry]
      },
      {
        name: 'Statement',
        field: [
          field('type', 1, STRING, { jsonName: '_type' }),
          field('subject', 2, MESSAGE, { label: REPEATED, typeName: '.in_toto.ResourceDescriptor' }),
          field('predicate_type', 3, STRING),
          field('predicate', 4, MESSAGE, struct)
        ]
      },
      {
        name: 'TestResult',
        field: [
          field('result', 1, STRING),
          field('configuration', 2, MESSAGE, { label: REPEATED, typeName: '.in_toto.ResourceDescriptor' }),
          field('url', 3, STRING),
          field('passed_tests', 4, STRING, { label: REPEATED }),
          field('warned_tests', 5, STRING, { label: REPEATED }),
          field('failed_tests', 6, STRING, { label: REPEATED })
        ]
      }
    ]
  })
  return createFileRegistry(
    create(FileDescriptorSetSchema, { file: [file_google_protobuf_struct.proto, file] })
  )
}

const registry = inTotoRegistry()

const statement = z.looseObject({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        digest: z.strictObject({ gitCommit: z.string().regex(/^[0-9a-f]{40}$|^[0-9a-f]{64}$/) })
      })
    )
    .min(1),
  predicateType: z.literal('https://in-toto.io/attestation/test-result/v0.1'),
  predicate: z.looseObject({
    result: z.enum(['PASSED', 'WARNED', 'FAILED']),
    configuration: z.array(z.looseObject({})).min(1),
    passedTests: z.array(z.string()),
    warnedTests: z.array(z.string()),
    failedTests: z.array(z.string())
  })
})

export type Statement = z.infer<typeof statement>

/**
 * A statement, read as the framework's protobuf messages are read from JSON: no field of another name or type.
 * Of the predicate the fields that are ours (`adversary_…`) are left out first, as extensions may be there.
 */
export function readStatement(text: string): Statement {
  const json = z.record(z.string(), z.custom<JsonValue>()).parse(JSON.parse(text))
  const read = (name: string, value: JsonValue) => {
    const message = registry.getMessage(`in_toto.${name}`)
    if (message === undefined) throw new Error(`no message ${name}`)
    fromJson(message, value, { ignoreUnknownFields: false })
  }
  read('Statement', json)
  const predicate = z.record(z.string(), z.custom<JsonValue>()).parse(json['predicate'])
  const ours = Object.keys(predicate).filter(key => key.startsWith('adversary_'))
  const plain: JsonObject = Object.fromEntries(
    Object.entries(predicate).filter(([key]) => !ours.includes(key))
  )
  read('TestResult', plain)
  fromJson(StructSchema, predicate)
  return statement.parse(json)
}

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const family = z.object({
  name: z.string(),
  help: z.string().min(1),
  type: z.enum(['GAUGE', 'COUNTER']),
  metrics: z
    .array(z.object({ value: z.string(), labels: z.record(z.string(), z.string()).optional() }))
    .min(1)
})

/** Every series of a text in Prometheus' format. Throws for what the parser does not take. */
export function readMetrics(text: string): readonly Series[] {
  const parse = z.custom<(text: string) => unknown>().parse(require('parse-prometheus-text-format'))
  return z
    .array(family)
    .parse(parse(text))
    .flatMap(({ name, metrics }) =>
      metrics.map(({ value, labels }) => ({ name, labels: labels ?? {}, value: Number(value) }))
    )
}
