//! Buckets in Redis. The script does what `gcra` does, by the server's clock, for all buckets of a call
//! at once.

use std::time::Duration;

use fred::prelude::LuaInterface as _;

use super::gcra::{Left, Outcome, Rate};
use crate::redis::Redis;

/// How long Redis may take before this process counts by itself.
const PATIENCE: Duration = Duration::from_millis(250);

/// `KEYS` are buckets, `ARGV` their intervals and tolerances in turn, in microseconds. Answers with the
/// index of the closest bucket, where it is from now, and how long to wait: 0 if the call was counted.
/// Microseconds since 1970 are exact in Lua's numbers until the year 2255.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local moved, closest, least, ahead = {}, 0, nil, 0
for i = 1, #KEYS do
  local interval, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local bucket = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now)
  local new = bucket + interval
  if new - now > tolerance then
    return {i - 1, bucket - now, new - now - tolerance}
  end
  moved[i] = new
  local left = math.floor((tolerance - (new - now)) / interval)
  if least == nil or left < least then
    closest, least, ahead = i - 1, left, new - now
  end
end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.0f', moved[i]), 'PX', math.ceil((moved[i] - now) / 1000))
end
return {closest, ahead, 0}
";

/// Takes one call from each bucket, or from none if one refuses. `None` if Redis does not answer in
/// time.
pub(super) async fn take(redis: &Redis, keys: &[String], rates: &[Rate]) -> Option<Outcome> {
    if !redis.is_connected() {
        return None;
    }
    let arguments = rates
        .iter()
        .flat_map(|rate| [rate.interval, rate.tolerance]);
    let arguments: Vec<_> = arguments.map(|number| number.to_string()).collect();
    let asked = redis
        .client()
        .eval::<Vec<u64>, _, _, _>(SCRIPT, keys.to_vec(), arguments);
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::debug!("rate limits: {error}");
            return None;
        }
        Err(_) => {
            tracing::debug!("rate limits: Redis did not answer within {PATIENCE:?}");
            return None;
        }
    };
    let &[index, ahead, wait] = answer.as_slice() else {
        tracing::error!("rate limits: Redis answered {answer:?}");
        return None;
    };
    let index = usize::try_from(index).ok()?;
    let left: Left = rates.get(index)?.left(ahead, 0);
    let retry_after = (wait > 0).then(|| Duration::from_micros(wait));
    Some(Outcome {
        closest: (index, left),
        retry_after,
    })
}
