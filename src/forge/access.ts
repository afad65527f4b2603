import * as z from 'zod'
import { authorization, type Forge, repoApiOf } from './forge.ts'
import type { ForgeAnswer, ForgeRequest } from './commit-status.ts'

/** What a forge tells of the account that a token belongs to. Pure. */

export function askRepository(forge: Forge, token: string): ForgeRequest {
  return { method: 'GET', url: repoApiOf(forge), headers: authorization(forge, token) }
}

const repository = z.object({ permissions: z.object({ push: z.boolean() }) })
const level = z.object({ access_level: z.number() }).nullish()
const project = z.object({ permissions: z.object({ project_access: level, group_access: level }) })

/** The role that GitLab calls Developer: from there on statuses may be set. */
const developer = 30

/** Whether the account may write to the repository; null: the answer does not say. */
export function readAccess({ kind }: Pick<Forge, 'kind'>, { body }: ForgeAnswer): boolean | null {
  let answer: unknown
  try {
    answer = JSON.parse(body)
  } catch {
    // Not the forge, but something before it.
    return null
  }
  if (kind !== 'gitlab') return repository.safeParse(answer).data?.permissions.push ?? null
  const permissions = project.safeParse(answer).data?.permissions
  if (permissions === undefined) return null
  const { project_access: own, group_access: group } = permissions
  return Math.max(own?.access_level ?? 0, group?.access_level ?? 0) >= developer
}
