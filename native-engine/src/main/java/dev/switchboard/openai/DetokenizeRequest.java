package dev.switchboard.openai;

/**
 * A valid {@code POST /detokenize}.
 *
 * @param tokens none negative; the vocabulary's bound is the model's; may be empty
 */
public record DetokenizeRequest(String model, int[] tokens) {}
