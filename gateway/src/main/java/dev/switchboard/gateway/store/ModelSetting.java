package dev.switchboard.gateway.store;

import dev.switchboard.gateway.fleet.ModelSpec;
import org.jspecify.annotations.Nullable;

/**
 * How an operator has this gateway's workers serve a model, whatever the configuration says.
 *
 * @param name what clients call it
 * @param spec null where they do not serve it
 */
public record ModelSetting(String name, @Nullable ModelSpec spec) {}
