import { fileBounds } from '../../lib/bounds.ts'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { nowMs } from '../../os/clock.ts'
import { readText } from '../../os/files.ts'
import { callForge } from '../../forge/call.ts'
import { askRepository, readAccess } from '../../forge/access.ts'
import type { ForgeKind } from '../../forge/forge.ts'
import { readAnswer } from '../../forge/commit-status.ts'
import { readSecret } from '../../config/secret.ts'
import type { ForgeConfig } from '../../config/types.ts'
import { missing, type Proof, proved } from './doctor-result.ts'

const scopes: Readonly<Record<ForgeKind, string>> = {
  gitea: 'a token with the scope write:repository, of an account that may write to the repository',
  forgejo: 'a token with the scope write:repository, of an account that may write to the repository',
  github: 'a token with the permission Commit statuses: write (classic: repo:status)',
  gitlab: 'a token with the scope api, of the role Developer or above'
}

/** Proves that statuses could be posted, as far as that shows without posting one. */
export async function proveForge(
  forge: ForgeConfig,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal
): Promise<Proof> {
  const step = { id: 'repo/forge', subject: 'commit statuses' }
  const { kind, url, repo } = forge
  const fix = `${scopes[kind]}; or correct \`forge\` in adversary.yaml`
  try {
    const token = await readSecret(forge.token, env)
    const ca = forge.ca === null ? null : await readText(forge.ca, fileBounds.authority)
    if (forge.ca !== null && ca === null)
      return missing(step, `${forge.ca} does not exist`, 'correct `forge.ca`')
    const answer = await callForge(
      { ...askRepository(forge, token), secret: token, ...(ca === null ? {} : { ca }) },
      signal
    )
    const read = readAnswer(forge, 'pending', answer, nowMs())
    if (read.kind !== 'posted') return missing(step, `${kind} at ${url}, ${repo}: ${read.why}`, fix)
    switch (readAccess(forge, answer)) {
      case true:
        return proved(
          step,
          `${kind} at ${url}: the token's account may write to ${repo}; only a real status tests the token's scope`
        )
      case false:
        return missing(step, `${kind} at ${url}: the token's account may only read ${repo}`, fix)
      case null:
        return missing(step, `${url} does not respond like ${kind}`, 'correct `forge.kind` or `forge.url`')
    }
  } catch (error) {
    signal.throwIfAborted()
    const hint = error instanceof AdversaryError ? error.hint : undefined
    return missing(
      step,
      messageOf(error),
      hint ?? `check that ${url} is a ${kind}, or correct \`forge\` in adversary.yaml`
    )
  }
}
