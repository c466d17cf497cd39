package dev.switchboard.openai;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A valid {@code POST /v1/chat/completions}.
 *
 * @param raw the whole body, unknown fields included
 */
public record ChatCompletionRequest(
    String model,
    Conversation conversation,
    ToolUse toolUse,
    GenerationOptions options,
    ObjectNode raw) {}
