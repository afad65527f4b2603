import type { NotRehearsed, Rehearsal } from './answer.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'

/** What runs the rehearsal apart from us; `src/os/sandbox.ts` is one. */
export type Sandbox = (
  input: string
) => Promise<{ readonly ok: true; readonly stdout: string } | { readonly ok: false; readonly why: string }>

/** Rehearses a cold boot, in a sandbox. The answer is a fact: the same facts have the same one. */
export async function rehearse(facts: RehearsalFacts, sandbox: Sandbox): Promise<Rehearsal | NotRehearsed> {
  const answer = await sandbox(JSON.stringify(facts))
  if (!answer.ok) return { unknown: `the rehearsal of a boot had no end: ${answer.why}` }
  try {
    const found: Rehearsal = JSON.parse(answer.stdout)
    return found
  } catch {
    return { unknown: 'the rehearsal of a boot ended without an answer' }
  }
}
