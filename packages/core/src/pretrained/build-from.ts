import { renameTensors, type TensorSource } from '../checkpoint/index'
import { Initializer } from '../nn/index'
import { loadTensors } from './load-tensors'
import type { FromPretrainedOptions, PretrainedClass, PretrainedModel } from './pretrained-model'

/**
 * Makes a model and fills in a checkpoint's tensors, for readers of other formats than Hugging Face's (`fromFairseq`).
 *
 * @param tensors under Hugging Face's names; the caller closes it.
 * @throws CheckpointError listing every tensor that is missing, left over or mis-shaped; the model is freed then.
 */
export const buildFrom = async <Config, Model extends PretrainedModel<Config>>(
  Class: PretrainedClass<Config, Model>,
  tensors: TensorSource,
  stored: Config,
  options: FromPretrainedOptions<Config> = {},
): Promise<Model> => {
  const config = options.config ? Class.family.override(stored, options.config) : stored
  const heads = options.newHead ? (Class.headPrefixes ?? []) : []
  const wanted = renameTensors(tensors, (name) => (heads.some((head) => name.startsWith(head)) ? undefined : name))
  const model = new Class(config, Initializer.empty(), new Initializer(options.seed ?? 0))
  try {
    model.loadReport = await loadTensors(model, wanted, Class.fit)
    return model
  } catch (error) {
    model.dispose()
    throw error
  }
}
