/** Where zxids of an epoch begin under leaders that are to run out of them: 14 are left. */
export const INITIAL_COUNTER = 0xffff_fff0;
