import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/**
 * What is recorded in `golden/<name>`, to hold a text against. With UPDATE_GOLDEN=1 the file is written anew,
 * and what changed is printed, so that it is looked at before it is committed.
 */
export function golden(name: string, text: string): string {
  const file = new URL(`golden/${name}`, import.meta.url)
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (process.env['UPDATE_GOLDEN'] !== '1' || before === text) return before
  writeFileSync(file, text)
  process.stderr.write(`${name} changed:\n${changed(before, text)}\n`)
  return text
}

/** Lines that are only in one of the two, in order. */
function changed(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const [had, has] = [new Set(old), new Set(now)]
  return [
    ...old.filter(line => !has.has(line)).map(line => `- ${line}`),
    ...now.filter(line => !had.has(line)).map(line => `+ ${line}`)
  ].join('\n')
}
