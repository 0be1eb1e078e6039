import { type JsonSchema, jsonSchemaOf, type TrainingTask } from '@babble/core'
import { Document, isMap, isScalar, isSeq, type YAMLMap } from 'yaml'

/** Puts what a schema says of each key beside it. */
const comment = (map: YAMLMap, schema: JsonSchema | undefined): void => {
  for (const { key, value } of map.items) {
    if (!isScalar(key)) continue
    const part = schema?.properties?.[String(key.value)]
    const words = part?.description
    if (isSeq(value)) value.flow = true
    if (isMap(value)) {
      // Of several variants, the one of this name.
      const variant = part?.oneOf?.find(({ properties }) => properties?.name?.const === value.get('name'))
      comment(value, variant ?? part)
      if (words) key.commentBefore = ` ${words}`
    } else if (words && (isScalar(value) || isSeq(value))) value.comment = ` ${words}`
  }
}

/**
 * A recipe as YAML, with what each key means. Read again, it gives the same recipe.
 *
 * @param fixed Keys that say what the recipe is for; they stand first.
 */
export const printRecipe = (
  recipe: Readonly<Record<string, unknown>>,
  task: TrainingTask,
  fixed: Readonly<Record<string, string>>,
): string => {
  const document = new Document({ ...fixed, ...recipe }, { aliasDuplicateObjects: false })
  if (isMap(document.contents)) comment(document.contents, jsonSchemaOf(task.schema))
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
