package dev.switchboard.worker;

/**
 * A model that is loaded, and the requests it serves.
 *
 * @param preparation turns request bodies into its token ids
 * @param vectors likewise, of requests to an encoder
 */
record Serving(
    ServedModel model,
    RequestPreparation preparation,
    VectorPreparation vectors,
    Tokenization tokenization,
    Completions completions) {}
