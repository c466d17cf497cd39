package dev.switchboard.openai;

import dev.switchboard.constraint.ConstraintSource;

/**
 * What an answer must look like.
 *
 * @param field where the request says so, for complaints about it
 */
public record AnswerShape(String field, ConstraintSource source) {}
