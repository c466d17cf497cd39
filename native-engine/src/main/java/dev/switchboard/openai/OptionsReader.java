package dev.switchboard.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The fields that chat and text completions share. */
final class OptionsReader {
  /** Longer than any context; it only keeps sums of it inside an int. */
  private static final int MOST_TOKENS = 1 << 24;

  private static final int UNLIMITED = -1;
  private static final int MOST_BIASES = 1024;
  private static final int MOST_CHOICES = 16;
  private static final int MOST_STOPS = 16;
  private static final int STOP_CHARS = 256;
  private static final int MOST_PRIORITY = 100;

  /** Whether these would be ignored silently, an answer would not be what was asked for. */
  private static final List<String> UNSUPPORTED =
      List.of(
          "min_tokens",
          "stop_token_ids",
          "bad_words",
          "allowed_token_ids",
          "use_beam_search",
          "structured_outputs",
          "mirostat",
          "dry_multiplier",
          "lora",
          "lora_path",
          "include_stop_str_in_output",
          "no_stop_trim",
          "logits_processors",
          "guided_whitespace_pattern",
          "structural_tag",
          "ebnf",
          "max_new_tokens",
          "n_probs",
          "dynatemp_range",
          "xtc_probability",
          "t_max_predict_ms",
          "top_a",
          "samplers",
          "min_new_tokens",
          "stop_regex",
          "custom_logit_processor",
          "return_tokens_as_token_ids",
          "return_token_ids",
          "return_hidden_states",
          "thinking_token_budget",
          "watermark",
          "truncate",
          "response_fields",
          "post_sampling_probs");

  /** The same, with the number that asks for nothing; of {@code prompt_logprobs} none does. */
  private static final List<Neutral> UNSUPPORTED_NUMBERS =
      List.of(
          new Neutral("length_penalty", 1.0),
          new Neutral("typical_p", 1.0),
          new Neutral("repeat_penalty", 1.0),
          new Neutral("tfs_z", 1.0),
          new Neutral("n_predict", -1.0),
          new Neutral("num_predict", -1.0),
          new Neutral("top_n_sigma", -1.0),
          new Neutral("truncate_prompt_tokens", -1.0),
          new Neutral("prompt_logprobs", Double.NaN));

  private record Neutral(String name, double number) {}

  private OptionsReader() {}

  /** Reads all but what the two kinds of request spell differently. */
  static GenerationOptions read(
      JsonFields body, SamplingDefaults sampling, @Nullable Integer maxTokens, int topLogprobs) {
    UNSUPPORTED.forEach(name -> refuse(body, name));
    UNSUPPORTED_NUMBERS.forEach(field -> refuse(body, field.name(), field.number()));
    if (!body.bool("skip_special_tokens", true)) {
      throw JsonFields.unsupported("skip_special_tokens", "must be true");
    }
    boolean stream = body.bool("stream", false);
    int choices = body.integer("n", 1, MOST_CHOICES, 1);
    Integer bestOf = body.optionalInteger("best_of", 1, Integer.MAX_VALUE);
    if (bestOf != null && bestOf != choices) {
      throw JsonFields.unsupported("best_of", "other than n is not supported");
    }
    return new GenerationOptions(
        maxTokens,
        body.real("temperature", 0, SamplingDefaults.MOST_TEMPERATURE, sampling.temperature()),
        body.positive("top_p", 1, sampling.topP()),
        Math.max(0, body.integer("top_k", -1, SamplingDefaults.MOST_TOP_K, sampling.topK())),
        body.real("min_p", 0, 1, sampling.minP()),
        body.positive(
            "repetition_penalty",
            SamplingDefaults.MOST_REPETITION_PENALTY,
            sampling.repetitionPenalty()),
        body.real("presence_penalty", -2, 2, 0),
        body.real("frequency_penalty", -2, 2, 0),
        body.optionalLong("seed"),
        logitBias(body),
        choices,
        stop(body),
        stream,
        includeUsage(body, stream),
        body.bool("ignore_eos", false),
        topLogprobs,
        body.integer("priority", -MOST_PRIORITY, MOST_PRIORITY, 0),
        body.string("user", 0, 256),
        ShapeReader.read(body),
        body.bool("strict_finish", false));
  }

  /** Refuses a field unless it is absent, false, 0 or empty, which all ask for nothing. */
  static void refuse(JsonFields body, String name) {
    refuse(body, name, 0);
  }

  /**
   * @param neutral the number that asks for nothing, in place of 0
   */
  private static void refuse(JsonFields body, String name, double neutral) {
    JsonNode value = body.get(name);
    if (value != null && !asksForNothing(value, neutral)) {
      throw JsonFields.unsupported(body.path(name), "is not supported");
    }
  }

  private static boolean asksForNothing(JsonNode value, double neutral) {
    return switch (value.getNodeType()) {
      case BOOLEAN -> !value.booleanValue();
      case NUMBER -> value.doubleValue() == neutral;
      case STRING -> value.textValue().isEmpty();
      case ARRAY, OBJECT -> value.isEmpty();
      case NULL, MISSING, BINARY, POJO -> true;
    };
  }

  /** Null for as many as there is room for, which −1 asks for too. */
  static @Nullable Integer maxTokens(JsonFields body, String name, int least) {
    JsonNode value = body.get(name);
    if (value != null && value.isNumber() && value.doubleValue() == UNLIMITED) {
      return null;
    }
    return body.optionalInteger(name, least, MOST_TOKENS);
  }

  private static Map<Integer, Float> logitBias(JsonFields body) {
    JsonFields biases = body.object("logit_bias");
    if (biases == null) {
      return Map.of();
    }
    ObjectNode node = biases.node();
    if (node.size() > MOST_BIASES) {
      throw JsonFields.invalid("logit_bias", "must have at most " + MOST_BIASES + " entries");
    }
    Map<Integer, Float> map = LinkedHashMap.newLinkedHashMap(node.size());
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      int token = tokenId(entry.getKey());
      float bias = JsonFields.real(entry.getValue(), "logit_bias." + token, -100, 100);
      if (map.put(token, bias) != null) {
        throw JsonFields.invalid("logit_bias." + token, "is given twice");
      }
    }
    return map;
  }

  private static int tokenId(String key) {
    boolean digits = !key.isEmpty() && key.chars().allMatch(c -> c >= '0' && c <= '9');
    if (!digits || key.length() > 10 || Long.parseLong(key) > Integer.MAX_VALUE) {
      throw JsonFields.invalid("logit_bias", "must map token ids to biases");
    }
    return Integer.parseInt(key);
  }

  private static List<String> stop(JsonFields body) {
    JsonNode value = body.get("stop");
    if (value == null) {
      return List.of();
    }
    if (value.isTextual()) {
      return List.of(JsonFields.string(value, "stop", 1, STOP_CHARS));
    }
    if (!value.isArray()) {
      throw JsonFields.wrongType("stop", "a string or an array of strings", value);
    }
    return JsonFields.list(
        value,
        "stop",
        MOST_STOPS,
        (element, path) -> JsonFields.string(element, path, 1, STOP_CHARS));
  }

  private static boolean includeUsage(JsonFields body, boolean stream) {
    JsonFields options = body.object("stream_options");
    if (options == null) {
      return false;
    }
    if (!stream) {
      throw JsonFields.invalid("stream_options", "is only allowed when stream is true");
    }
    refuse(options, "continuous_usage_stats");
    return options.bool("include_usage", false);
  }
}
