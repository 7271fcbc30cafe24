//! Serves [`order`](crate::order).

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::order::order_service_server::OrderService;
use crate::order::{CreateRequest, CreateResponse, Event, GetRequest, Order, WatchRequest};

/// Orders of any name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orders;

#[tonic::async_trait]
impl OrderService for Orders {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<Event, Status>> + Send>>;

    async fn create(
        &self,
        request: Request<CreateRequest>,
    ) -> Result<Response<CreateResponse>, Status> {
        let CreateRequest { id } = request.into_inner();
        let order = Some(Order { id });
        Ok(Response::new(CreateResponse { order }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        let GetRequest { id } = request.into_inner();
        Ok(Response::new(Order { id }))
    }

    async fn cancel(&self, _: Request<GetRequest>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let WatchRequest { after, count } = request.into_inner();
        let numbers = (1..=u64::from(count)).map_while(move |next| after.checked_add(next));
        let events = numbers.map(|number| Ok(Event { number }));
        Ok(Response::new(Box::pin(tokio_stream::iter(events))))
    }
}
