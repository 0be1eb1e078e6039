import { type FeatureSource, type LayerOptions, loadLayerFeatures } from '@babble/core'
import { HubertModel } from './model'

/**
 * Opens a HuBERT directory, pre-trained or fine-tuned, for the features of one of its layers: what the next iteration's clusters are made of, and
 * with a codebook (`unitSource`) discrete units.
 *
 * Group norm (BASE) leaves padding out, whatever the model was trained with, so that a recording's features do not depend on those that it is
 * extracted with.
 */
export const loadHubertFeatures = (directory: string, options?: LayerOptions): Promise<FeatureSource> =>
  loadLayerFeatures(
    'hubert',
    (path) => HubertModel.fromPretrained(path, { config: { groupNormPadding: 'masked' } }),
    directory,
    options,
  )
