/** Helpers for Babble's own tests; not part of the published interface. */
export { blockFixture, fromFairseq, torchFixture } from './block-fixture'
export { compareClassification } from './classification-parity'
export { type CloseTolerance, expectClose, maxDifference } from './close'
export { enginesUnderTest, useEngine } from './engines'
export { ParityFixture, toEngine } from './parity-fixture'
export {
  type PeerModel,
  type PeerOptions,
  type PeerReport,
  peerLayouts,
  peerShape,
  TransformersPeer,
} from './transformers-peer'
