package dev.switchboard.worker;

/**
 * A model that is loaded, and the requests it serves.
 *
 * @param preparation turns request bodies into its token ids
 */
record Serving(
    ServedModel model,
    RequestPreparation preparation,
    Tokenization tokenization,
    Completions completions) {}
