//! Ways that few take any more, and carriers' older switches do: a proxy that routes strictly (RFC 3261,
//! section 12.2.1.1), and an address that a URI names beside its host (`maddr`, section 19.1.1).

use rsipstack::sip::{Header, HostWithPort, Param, Request, Uri};

use super::headers;

/// Where requests to a URI go: to the address beside its host, if it names one.
pub fn addressed(uri: &Uri) -> Uri {
    let maddr = uri.params.iter().find_map(|param| match param {
        Param::Maddr(maddr) => Some(maddr.value()),
        _ => None,
    });
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let maddr = maddr.filter(|maddr| maddr.bytes().all(plain));
    let mut addressed = uri.clone();
    if let Some(host) = maddr.and_then(|maddr| HostWithPort::try_from(maddr).ok()) {
        addressed.host_with_port.host = host.host;
    }
    addressed
}

/// Writes a request so that a strict router takes it: its own address is the request's, and the far
/// end's the last of the route. Loose routers, which the stack writes for, are left as they are.
pub fn follow_strict_router(request: &mut Request) {
    let lines = request.headers.get_all(|header| match header {
        Header::Route(route) => Some(route),
        _ => None,
    });
    let lines = lines.iter().map(|route| route.value());
    let routes: Vec<String> = lines.flat_map(headers::listed).map(str::to_owned).collect();
    let Some(first) = routes.first().and_then(|first| uri_in(first)) else {
        return;
    };
    let is_loose = first.params.iter().any(|param| {
        let text = param.to_string().to_ascii_lowercase();
        matches!(text.trim_start_matches(';').split('=').next(), Some("lr"))
    });
    if is_loose {
        return;
    }
    let far_end = format!("<{}>", request.uri);
    request
        .headers
        .remove_all(|header| matches!(header, Header::Route(_)));
    for route in routes.into_iter().skip(1).chain([far_end]) {
        request.headers.push(Header::Route(route.as_str().into()));
    }
    request.uri = first;
}

fn uri_in(route: &str) -> Option<Uri> {
    let (_, rest) = route.split_once('<')?;
    Uri::try_from(rest.split_once('>')?.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(routes: &str) -> Request {
        let text = format!(
            "BYE sip:li@192.0.2.9:5070 SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n{routes}\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 2 BYE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        Request::try_from(text.as_str()).expect("well formed")
    }

    fn routes(request: &Request) -> Vec<String> {
        let lines = request.headers.iter().filter_map(|header| match header {
            Header::Route(route) => Some(route.value().to_owned()),
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn a_strict_router_is_addressed_itself_and_the_far_end_comes_last() {
        let mut strict =
            request("Route: <sip:192.0.2.1>, <sip:192.0.2.2;lr>\r\nRoute: <sip:p3;lr>\r\n");
        follow_strict_router(&mut strict);
        assert_eq!(strict.uri.to_string(), "sip:192.0.2.1");
        let expected = [
            "<sip:192.0.2.2;lr>",
            "<sip:p3;lr>",
            "<sip:li@192.0.2.9:5070>",
        ];
        assert_eq!(routes(&strict), expected);
    }

    #[test]
    fn loose_routers_and_no_routers_change_nothing() {
        for lines in [
            "",
            "Route: <sip:192.0.2.1;lr>\r\n",
            "Route: <sip:p;x=1;LR=on>\r\n",
        ] {
            let mut loose = request(lines);
            let before = loose.to_string();
            follow_strict_router(&mut loose);
            assert_eq!(loose.to_string(), before);
        }
    }

    #[test]
    fn an_address_beside_the_host_is_where_requests_go() {
        let uri = |text: &str| Uri::try_from(text).expect("a uri");
        let there = addressed(&uri("sip:li@pbx.example:5070;maddr=192.0.2.7"));
        assert_eq!(there.host_with_port.to_string(), "192.0.2.7:5070");
        let there = addressed(&uri("sip:li@192.0.2.9;maddr=a b"));
        assert_eq!(there.host_with_port.to_string(), "192.0.2.9");
    }
}
