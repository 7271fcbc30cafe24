use std::net::Ipv4Addr;
use std::sync::atomic::AtomicUsize;

use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// A replica on a loopback address of its own, whose answers say which it is.
struct Served {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Ends it, its connections included, when it is dropped.
    _tasks: JoinSet<()>,
}

/// On 127.0.0.`last`, which Linux has without being told, and this port; on a free one for 0. Each test
/// has addresses of its own, so that no other takes the port of a replica that is away.
async fn serve(last: u8, port: u16) -> Served {
    let at = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&connections);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut served = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::Relaxed);
            served.spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let told = Response::builder().header("replica", address.to_string());
                    respond.send_response(told.body(()).unwrap(), true).unwrap();
                }
            });
        }
    });
    Served {
        address,
        connections,
        _tasks: tasks,
    }
}

/// A server of these replicas, and its addresses, which can be changed.
fn server(replicas: &[SocketAddr]) -> (Connections, Arc<Mutex<Vec<SocketAddr>>>) {
    let addresses = Arc::new(Mutex::new(replicas.to_vec()));
    (Connections::new(Target::at(&addresses)), addresses)
}

/// The replica that a call came to.
async fn ask(server: &Connections) -> Result<SocketAddr, Unreachable> {
    let mut sender = server.sender().await?;
    let request = Request::post("http://server.example/").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    let replica = answer.headers()["replica"].to_str().unwrap();
    Ok(replica.parse().unwrap())
}

/// How many connections are open.
fn open(server: &Connections) -> usize {
    let pool = server.0.pool.lock();
    let open = |replica: &&Replica| matches!(replica.state, State::Open(_));
    pool.replicas.iter().filter(open).count()
}

/// Waits until as many connections are open.
async fn until_open(server: &Connections, count: usize) {
    let waited = async {
        while open(server) != count {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waited).await;
    waited.unwrap_or_else(|_| panic!("{} are open, not {count}", open(server)));
}

/// As if it were time to look the addresses up.
fn due(server: &Connections) {
    server.0.pool.lock().due = Some(Instant::now());
}

/// How many of so many calls came to each replica, in their order.
async fn calls(server: &Connections, replicas: &[SocketAddr], count: usize) -> Vec<usize> {
    let mut came = vec![0; replicas.len()];
    for _ in 0..count {
        let replica = ask(server).await.unwrap();
        let at = replicas.iter().position(|known| *known == replica);
        came[at.unwrap()] += 1;
    }
    came
}

#[tokio::test]
async fn calls_take_turns() {
    let first = serve(11, 0).await;
    let port = first.address.port();
    let others = [serve(12, port).await, serve(13, port).await];
    let replicas = [first.address, others[0].address, others[1].address];
    let (server, _) = server(&replicas);
    ask(&server).await.unwrap();
    until_open(&server, 3).await;
    assert_eq!(calls(&server, &replicas, 12).await, [4, 4, 4]);
    let connections = |served: &Served| served.connections.load(Ordering::Relaxed);
    assert_eq!(connections(&first), 1);
    assert!(others.iter().all(|other| connections(other) == 1));
}

#[tokio::test]
async fn all_who_come_at_first_wait_for_one_attempt() {
    let replica = serve(21, 0).await;
    let (server, _) = server(&[replica.address]);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let server = server.clone();
        callers.spawn(async move { ask(&server).await.unwrap() });
    }
    assert_eq!(callers.join_all().await, [replica.address; 50]);
    assert_eq!(replica.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_replica_that_is_away_keeps_nobody_waiting_and_is_found_when_it_is_back() {
    let here = serve(31, 0).await;
    let port = here.address.port();
    let away = serve(32, port).await;
    let replicas = [away.address, here.address];
    let (server, _) = server(&replicas);
    ask(&server).await.unwrap();
    until_open(&server, 2).await;
    drop(away);
    until_open(&server, 1).await;
    assert_eq!(calls(&server, &replicas, 4).await, [0, 4]);
    // It is away still, and is asked for again.
    due(&server);
    assert_eq!(calls(&server, &replicas, 4).await, [0, 4]);
    let _back = serve(32, port).await;
    let found = async {
        while open(&server) != 2 {
            due(&server);
            ask(&server).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .unwrap();
    assert_eq!(calls(&server, &replicas, 4).await, [2, 2]);
}

#[tokio::test]
async fn replicas_come_and_go_with_the_addresses_of_the_name() {
    let old = serve(41, 0).await;
    let new = serve(42, old.address.port()).await;
    let (server, addresses) = server(&[old.address]);
    assert_eq!(ask(&server).await.unwrap(), old.address);
    *addresses.lock() = vec![old.address, new.address];
    due(&server);
    ask(&server).await.unwrap();
    until_open(&server, 2).await;
    assert_eq!(calls(&server, &[old.address, new.address], 4).await, [2, 2]);
    *addresses.lock() = vec![new.address];
    due(&server);
    ask(&server).await.unwrap();
    until_open(&server, 1).await;
    assert_eq!(calls(&server, &[old.address, new.address], 4).await, [0, 4]);
    // A name without an address is a mistake that may pass.
    addresses.lock().clear();
    due(&server);
    assert_eq!(calls(&server, &[new.address], 4).await, [4]);
}

#[tokio::test]
async fn a_server_that_is_away_altogether_is_told_at_once_and_found_when_it_is_back() {
    let replica = serve(51, 0).await;
    let address = replica.address;
    drop(replica);
    let (server, addresses) = server(&[address]);
    for _ in 0..3 {
        assert!(ask(&server).await.is_err());
    }
    let _back = serve(51, address.port()).await;
    assert_eq!(ask(&server).await.unwrap(), address);
    addresses.lock().clear();
    let (nowhere, _) = self::server(&[]);
    let Unreachable(why) = ask(&nowhere).await.unwrap_err();
    assert_eq!(&*why, "its name has no address");
}

#[tokio::test]
async fn the_other_family_is_used_where_the_first_cannot_be() {
    let replica = serve(61, 0).await;
    // A port of IPv6 that nobody has, or no IPv6 at all.
    let nobody = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, replica.address.port()));
    let (server, _) = server(&[nobody, replica.address]);
    assert_eq!(ask(&server).await.unwrap(), replica.address);
    assert_eq!(server.0.pool.lock().replicas.len(), 1);
    due(&server);
    assert_eq!(calls(&server, &[replica.address], 4).await, [4]);
    assert_eq!(server.0.pool.lock().replicas.len(), 1);
}

#[tokio::test]
async fn a_replica_goes_when_another_is_there_to_take_its_calls() {
    let old = serve(71, 0).await;
    let (server, addresses) = server(&[old.address]);
    assert_eq!(ask(&server).await.unwrap(), old.address);
    // The one that the name has now is not there yet.
    let new = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 72), old.address.port()));
    *addresses.lock() = vec![new];
    for _ in 0..3 {
        due(&server);
        assert_eq!(calls(&server, &[old.address], 2).await, [2]);
    }
    let new = serve(72, old.address.port()).await;
    let taken = async {
        while ask(&server).await.unwrap() != new.address || open(&server) != 1 {
            due(&server);
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(30), taken);
    taken.await.unwrap();
}

#[tokio::test]
async fn of_too_many_replicas_those_stay_that_are_connected_to() {
    let replica = serve(81, 0).await;
    let many = (0..2 * MOST_ADDRESSES).map(|last| {
        let last = u8::try_from(last).unwrap();
        SocketAddr::from((Ipv4Addr::new(127, 0, 1, last), replica.address.port()))
    });
    let mut many: Vec<_> = many.collect();
    let (server, addresses) = server(&[replica.address]);
    ask(&server).await.unwrap();
    many.push(replica.address);
    *addresses.lock() = many;
    due(&server);
    assert_eq!(calls(&server, &[replica.address], 4).await, [4]);
    let known = async {
        while server.0.pool.lock().replicas.len() != MOST_ADDRESSES {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), known)
        .await
        .unwrap();
    assert_eq!(calls(&server, &[replica.address], 4).await, [4]);
}

#[tokio::test]
async fn what_takes_connections_and_speaks_no_http2_has_no_calls() {
    let here = serve(91, 0).await;
    let mute = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 92), here.address.port()));
    let listener = TcpListener::bind(mute).await.unwrap();
    let closed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&closed);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (server, _) = server(&[mute, here.address]);
    while closed.load(Ordering::Relaxed) < 3 {
        assert_eq!(ask(&server).await.unwrap(), here.address);
        due(&server);
    }
}

#[test]
fn addresses_are_of_one_family_each_once() {
    let read = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let mixed = read(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.1:1"]);
    let expected = [read(&["[::1]:1", "[::2]:1"]), read(&["127.0.0.1:1"])];
    assert_eq!(families(&mixed), expected);
    assert!(families(&[]).is_empty());
    let many = (0..200).map(|last| SocketAddr::from(([127, 0, 0, last], 1)));
    let many: Vec<_> = many.collect();
    assert_eq!(families(&many), [many]);
}
