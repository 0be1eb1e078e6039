import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CheckpointError } from '../errors'
import { checkpointName, findCheckpoints } from '../train/index'
import { type InstalledPlugins, pluginForModelType } from './load-plugins'
import type { ModelPlugin } from './model-plugin'

/** The folder of a run that its trained model is saved in. */
export const MODEL_FOLDER = 'model'
/** Where the trainer keeps the one that did best in the evaluation, if it was asked to. */
const BEST_FOLDER = 'best'

/** A model directory and the package that reads it. */
export interface OpenedModel {
  readonly directory: string
  readonly modelType: string
  readonly config: Readonly<Record<string, unknown>>
  readonly plugin: ModelPlugin
}

/**
 * The model directory that a path stands for: itself; the best model of a run, or the last of a finished one; or the newest checkpoint of one that has not ended.
 *
 * @throws CheckpointError when it is none of these.
 */
export const resolveModelDirectory = async (path: string): Promise<string> => {
  // A run's folder has a config.json too.
  if (existsSync(join(path, 'config.json')) && !existsSync(join(path, 'run.json'))) return path
  for (const folder of [BEST_FOLDER, MODEL_FOLDER]) {
    if (existsSync(join(path, folder, 'config.json'))) return join(path, folder)
  }
  const last = (await findCheckpoints(path)).at(-1)
  if (last !== undefined) return join(path, checkpointName(last))
  throw new CheckpointError(existsSync(path) ? 'this is no model, and no run with one.' : 'there is no such folder.', {
    file: path,
    cure: 'Name a folder with config.json and model.safetensors, or the folder of a run.',
  })
}

/**
 * Finds out which installed package reads a model directory, by the `model_type` in its `config.json`.
 *
 * @throws CheckpointError for a folder that holds no model, PluginError when no installed package reads it.
 */
export const openModel = async (path: string, installed: InstalledPlugins): Promise<OpenedModel> => {
  const directory = await resolveModelDirectory(path)
  const file = join(directory, 'config.json')
  let config: unknown
  try {
    config = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new CheckpointError('it cannot be read as JSON.', { file, cause, cure: 'Fetch the model again.' })
  }
  const modelType = (config as { model_type?: unknown } | null)?.model_type
  if (typeof modelType !== 'string') {
    throw new CheckpointError('it names no model_type.', { file, field: 'model_type', cure: 'Add "model_type".' })
  }
  const plugin = pluginForModelType(modelType, installed, file)
  return { directory, modelType, config: config as Record<string, unknown>, plugin }
}
