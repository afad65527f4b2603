import { type LogField, logEvents, logFields } from '../src/review/log.ts'

/** `docs/log.md`: every event that a watcher logs, and its fields. */
export function logPage(banner: string): string {
  const events = Object.entries(logEvents).map(([event, { level, tells, always, sometimes }]) => {
    const optional = sometimes.map(name => `\`${name}\`?`)
    const fields = [...always.map(name => `\`${name}\``), ...optional].join(', ')
    return `| \`${event}\` | ${level} | ${tells} | ${fields} |`
  })
  const fields = Object.entries<(typeof logFields)[LogField]>(logFields).map(
    ([name, { type, tells }]) => `| \`${name}\` | ${type} | ${tells} |`
  )
  return `<!-- ${banner} -->

# The log

\`adversary watch\` writes one line of JSON to stderr for each of these events, and nothing else; a line that is no
JSON is its last word before it ends. Each has \`time\` (ISO 8601 UTC), \`level\` and \`event\`,
and \`home\` where one process watches several;
[the schema](../schemas/log.schema.json) has the rest. The list is closed: events and fields may be added, never
renamed. Texts hold what servers, hosts and claims said: redacted, on one line, without control characters, cut at
400 characters.

| event | level | means | fields (\`?\`: not always) |
| --- | --- | --- | --- |
${events.join('\n')}

| field | type | means |
| --- | --- | --- |
${fields.join('\n')}
`
}
