//! Serves [`feed`](crate::feed), as a server of another platform would.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::feed::feed_service_server::FeedService;
use crate::feed::{GetRequest, Post, UploadResponse, WatchRequest};

/// The most posts that anybody may ask for: more than all buffers on the way hold.
const MOST: u32 = 100_000_000;

/// Feeds of any name. Clones share the count of watchers.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    watchers: Arc<AtomicUsize>,
}

/// One watcher less when it is dropped.
struct Watching(Arc<AtomicUsize>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Feed {
    /// How many watch.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Acquire)
    }
}

fn post(feed: &str, number: i64) -> Post {
    Post {
        feed: feed.to_owned(),
        number,
    }
}

#[tonic::async_trait]
impl FeedService for Feed {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<Post, Status>> + Send>>;

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Post>, Status> {
        let language = request.metadata().get("accept-language").cloned();
        let tenant = request.metadata().get("x-tenant").cloned();
        let timed = request.metadata().contains_key("grpc-timeout");
        let GetRequest { feed, number } = request.into_inner();
        if number < 1 {
            let details =
                ErrorDetails::with_error_info("NO_SUCH_POST", "feed", [("feed".to_owned(), feed)]);
            return Err(Status::with_error_details(
                Code::NotFound,
                "no such post",
                details,
            ));
        }
        let mut response = Response::new(post(&feed, number));
        let metadata = response.metadata_mut();
        language.and_then(|language| metadata.insert("language", language));
        tenant.and_then(|tenant| metadata.insert("tenant", tenant));
        if timed {
            metadata.insert("timed", tonic::metadata::MetadataValue::from_static("1"));
        }
        Ok(response)
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let WatchRequest { feed, count, fail } = request.into_inner();
        if count > MOST {
            return Err(Status::out_of_range("nobody watches so many posts"));
        }
        self.watchers.fetch_add(1, Ordering::AcqRel);
        let watching = Watching(Arc::clone(&self.watchers));
        let end = fail.then(|| Err(Status::data_loss("the feed is torn")));
        let posts = tokio_stream::iter((1..=i64::from(count)).map(move |number| {
            // Lives for as long as the stream does.
            let _watching = &watching;
            Ok(post(&feed, number))
        }));
        Ok(Response::new(Box::pin(
            posts.chain(tokio_stream::iter(end)),
        )))
    }

    async fn upload(
        &self,
        request: Request<Streaming<Post>>,
    ) -> Result<Response<UploadResponse>, Status> {
        let mut posts = request.into_inner();
        let mut count = 0;
        while posts.message().await?.is_some() {
            count += 1;
        }
        Ok(Response::new(UploadResponse { count }))
    }
}
