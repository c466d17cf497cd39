package dev.switchboard.openai;

/**
 * What became known of a call.
 *
 * @param call with those of its arguments that were not told yet
 * @param opens whether nothing of it was told before
 */
public record ToolCallDelta(ToolCallAnswer call, boolean opens) {}
