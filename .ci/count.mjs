/**
 * Sums up a run: `steps` (name, exit code, seconds), `skipped` (one a line), and vitest's JSON reports, each named
 * as its step, which `expected` names one a line.
 * A step that failed without a failing test to show for it counts as one failure of its own.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
const lines = name => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim().split('\n') : [])

const say = line => process.stdout.write(`${line}\n`)

const skipped = lines('skipped')
const failed = []
let passed = 0
const accounted = new Set()

for (const file of lines('expected').filter(name => !existsSync(join(folder, name)))) failed.push(`${file}: no report`)
for (const file of readdirSync(folder).filter(name => name.endsWith('.json'))) {
  const step = file.slice(0, -'.json'.length)
  const { testResults } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  for (const { name, status, assertionResults } of testResults) {
    const path = name.replace(`${process.cwd()}/`, '')
    for (const test of assertionResults) {
      const title = `${step}: ${path} > ${[...test.ancestorTitles, test.title].join(' > ')}`
      if (test.status === 'passed') passed += 1
      else if (test.status === 'failed') failed.push(title)
      else skipped.push(title)
    }
    // A file that could not even be loaded has no tests to show.
    if (status === 'failed' && !assertionResults.some(test => test.status === 'failed')) failed.push(`${step}: ${path}`)
  }
  if (failed.some(title => title.startsWith(`${step}: `))) accounted.add(step)
}

say('\n== summary')
for (const line of lines('steps')) {
  const [name, code, seconds] = line.split('\t')
  say(`${code === '0' ? 'ok    ' : 'FAILED'}  ${name.padEnd(14)} ${seconds} s`)
  if (code !== '0' && !accounted.has(name)) failed.push(`${name}: ended with ${code}`)
}
for (const title of skipped) say(`skipped: ${title}`)
for (const title of failed) say(`failed: ${title}`)
if (passed === 0) say('no test ran')
const strict = process.env.CI === 'true' && skipped.length > 0
if (strict) say('CI=true: what is skipped counts as failed for the exit code')
say(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`)
process.exit(failed.length === 0 && passed > 0 && !strict ? 0 : 1)
