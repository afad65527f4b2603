import * as z from 'zod'

/** Loose enough for any configured pattern, tight enough for a heading, a path and a trailer. */
export const phaseName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
export const milestoneName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._]{0,63}$/)

/** What a gate needs to know of the plan. Signed with each review, as `Adversary-Policy`. */
export const policySchema = z.strictObject({
  phase: phaseName,
  branch: z.string().min(1).max(255),
  milestones: z
    .array(
      z.strictObject({
        milestone: milestoneName,
        needs: z.array(milestoneName),
        watchPaths: z.array(z.string().min(1).max(4096)),
        /** Milliseconds. */
        maxAge: z.int().positive(),
        /** Digest of the milestone's checks: a PASS by other checks than today's is stale. */
        checks: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/)
          .optional()
      })
    )
    .min(1),
  /** Milestones whose gate an open finding closes unless it says its own. */
  blocks: z.array(milestoneName).optional(),
  /** Path of the review file. */
  review: z.string().min(1).max(4096)
})

export type Policy = z.infer<typeof policySchema>
