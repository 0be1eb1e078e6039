import { z } from 'zod'
import { ConfigError } from '../../errors'
import type { FieldRule } from '../../speech/index'

const fieldSchema = (rule: FieldRule) => z.custom<unknown>(rule.allows, `it must be ${rule.expected}`).optional()

/**
 * What a recipe may say of a model's configuration.
 *
 * @param checked Given where all fields are there, so that those that depend on one another are compared. @throws ConfigError
 */
export const configSchema = <Config extends { readonly extra: unknown }>(
  rules: Readonly<Record<string, FieldRule | undefined>>,
  checked?: (fields: Partial<Config>) => unknown,
): z.ZodType<Partial<Omit<Config, 'extra'>>> => {
  const fields = Object.entries(rules).flatMap(([field, rule]) => (rule ? [[field, fieldSchema(rule)] as const] : []))
  return z.strictObject(Object.fromEntries(fields)).superRefine((config, context) => {
    if (!checked) return
    try {
      checked(config as Partial<Config>)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      context.addIssue({ code: 'custom', path: error.field === undefined ? [] : [error.field], message: error.message })
    }
  }) as unknown as z.ZodType<Partial<Omit<Config, 'extra'>>>
}
