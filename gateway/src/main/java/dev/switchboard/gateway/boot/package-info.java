/**
 * Starts and stops the gateway: command line, configuration, wiring, and the only clock and source
 * of randomness.
 *
 * <p>Standard output is for a supervisor: one JSON object a line, its first member {@code event}.
 * Logs, the workers' included, go to standard error.
 *
 * <table>
 * <caption>Events</caption>
 * <tr><td>{@code worker_loading}</td><td>{@code replica}, {@code model}, {@code done_bytes}, {@code
 * total_bytes}</td></tr>
 * <tr><td>{@code worker_ready}</td><td>{@code replica}, {@code model}, {@code seconds} from its
 * start to the first time; again whenever it comes back</td></tr>
 * <tr><td>{@code worker_restarting}</td><td>{@code replica}, {@code model}, {@code message}, {@code
 * wait_ms}</td></tr>
 * <tr><td>{@code worker_failed}</td><td>{@code replica}, {@code model}, {@code message}: it exits too
 * fast and is given up</td></tr>
 * <tr><td>{@code listening}</td><td>{@code api}, {@code admin}: URLs; requests are answered 503 until
 * {@code ready}</td></tr>
 * <tr><td>{@code ready}</td><td>{@code api}, {@code admin}, {@code model} (the first), {@code
 * models}, {@code serves}, {@code seconds} since this process started: every model of local workers
 * has a ready replica, and each server was asked once. Once</td></tr>
 * <tr><td>{@code not_serving}</td><td>{@code replica}, {@code model}, {@code message}: before {@code
 * ready}, each that does not serve yet</td></tr>
 * <tr><td>{@code failed}</td><td>{@code message}: the gateway exits with status 1</td></tr>
 * <tr><td>{@code stopping}</td><td>{@code in_flight}: requests it waits for, {@code within_ms}: how
 * long it takes at most, after which the launcher insists</td></tr>
 * <tr><td>{@code stopped}</td><td>{@code requests}, {@code prompt_tokens}, {@code output_tokens}: as
 * usage counted them since the start. The last one; status 0</td></tr>
 * </table>
 */
@NullMarked
package dev.switchboard.gateway.boot;

import org.jspecify.annotations.NullMarked;
