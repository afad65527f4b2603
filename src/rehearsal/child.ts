import { stdin, stdout } from 'node:process'
import { text } from 'node:stream/consumers'
import { rehearseHere } from './worlds.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'

/** What runs in the sandbox: facts in, a rehearsal out. Whoever started it made the facts: they are of their type. */
const facts: RehearsalFacts = JSON.parse(await text(stdin))
stdout.write(JSON.stringify(await rehearseHere(facts)))
