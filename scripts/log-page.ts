import { type LogField, logEvents, logFields } from '../src/review/log.ts'

/** `docs/log.md`: every event that a watcher logs, and its fields. */
export function logPage(banner: string): string {
  const events = Object.entries(logEvents).map(([event, { level, formerly, tells, always, sometimes }]) => {
    const optional = sometimes.map(name => `\`${name}\`?`)
    const fields = [...always.map(name => `\`${name}\``), ...optional].join(', ')
    return `| \`${event}\` | ${level} | ${tells} | ${fields} | \`${formerly}\` |`
  })
  const fields = Object.entries<(typeof logFields)[LogField]>(logFields).map(
    ([name, { type, tells }]) => `| \`${name}\` | ${type} | ${tells} |`
  )
  return `<!-- ${banner} -->

# The log

\`adversary watch\` writes one line of JSON to stderr for each of these events, and nothing else; a line
that is not JSON is an error message before it exits. On a terminal it writes them for people instead: the time, the milestone, what
happened, the verdict and what to do next (\`--log json\` and \`--log text\` choose). Each line of JSON has \`time\` (ISO 8601 UTC), \`level\` and \`event\`,
and \`home\` where one process watches several;
[the schema](../schemas/log.schema.json) has the rest. The list is closed. Events have new names since this
release; each line carries the name before as \`formerly\`, which the next release removes. Text fields can contain text
from servers, hosts and claims: redacted, on one line, without control characters, cut at 400 characters.

| event | level | means | fields (\`?\`: not always) | name before |
| --- | --- | --- | --- | --- |
${events.join('\n')}

| field | type | means |
| --- | --- | --- |
${fields.join('\n')}
`
}
