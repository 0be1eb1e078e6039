/** Helpers for Babble's own tests; not part of the published interface. */
export { type CloseTolerance, expectClose, maxDifference } from './close'
export { enginesUnderTest, useEngine } from './engines'
